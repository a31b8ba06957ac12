"""Ids of letters, why they are dead, and text that is safe to show. Pure."""

from domain.deadletters.model import Cause, Kind, State
from domain.inbox.rules import cause_of_death
from domain.kit.errors import NotFound

_DIGITS = 18  # of a row's number: more would not fit its column


def letter_id(kind: Kind, row_id: int) -> str:
    """How a letter is named outside: `inbox-17`."""
    return f"{kind}-{row_id}"


def parse_id(text: str) -> tuple[Kind, int]:
    """Back again. Raises NotFound for what is no letter's id."""
    kind, _, number = text.partition("-")
    if kind in {"inbox", "outbox"} and number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        return ("inbox" if kind == "inbox" else "outbox"), int(number)
    raise NotFound("There is no such dead letter: it was retried, discarded, or is older than 30 days.")


def cause_of(state: State, reason: str) -> Cause:
    """The class of a reason, for filters and people in a hurry."""
    if state == "uncertain":
        return "uncertain"
    if state == "dead":
        return cause_of_death(reason)
    if reason.startswith("given up"):
        return "given_up"
    return "disconnected" if "disconnected" in reason else "refused"


def safe_text(raw: bytes, *, lines: bool = False) -> str:
    """Bytes from outside as text that moves no cursor, turns no line around and hides nothing; `lines` keeps breaks."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else char.encode("unicode_escape").decode()
        for char in text
    )
