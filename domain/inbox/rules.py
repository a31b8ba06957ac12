"""What rows die of. Pure."""

from typing import Literal

Death = Literal["poison", "killed_worker", "unacceptable", "homeless"]


def cause_of_death(reason: str) -> Death:
    """The class of a dead row's reason: the bytes could not be read, its worker died of it, it could not be stored, or
    what it belongs to is gone."""
    if reason.startswith("the worker died"):
        return "killed_worker"
    if reason.startswith("could not be accepted"):
        return "unacceptable"
    return "homeless" if "was removed" in reason else "poison"
