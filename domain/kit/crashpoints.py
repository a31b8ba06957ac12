"""Named points of the code at which a test lets this process die, to prove what is promised about each.

`arm` is called once, with the setting REPLYX_CRASH_POINT: `name`, `name:3` (the third time it is reached) or
`name:3:stop` (SIGSTOP instead of SIGKILL). Unarmed, a point costs one look at a global. tests/chaos/crash_points.py has
the table of what must be true after each.
"""

import asyncio
import os
import signal

POINTS = frozenset(
    {
        "inbox-written",  # an arrival is in its transaction
        "inbox-committed",  # it is stored; nobody was told
        "polled",  # updates of getUpdates are stored; the offset is not advanced
        "accept-written",  # messages are in their dialogs, in the transaction
        "accept-committed",  # it is committed; neither turns nor sends know
        "turn-begun",  # the attempt is counted and committed
        "answer-ready",  # the assistant has answered
        "answer-written",  # the answer is in its transaction
        "answer-committed",  # it is committed; its sends are pushed to nobody
        "sending-committed",  # a send is marked as on its way
        "send-admitted",  # lease and windows were asked for the last time; the next step is the socket
        "send-written",  # the request is on the wire
        "send-answered",  # Telegram has answered; the outcome is stored nowhere
        "sent-committed",  # the outcome is stored
        "job-claimed",  # a job is ours, and nothing of it is done
    }
)
ON_THE_WIRE = 0.002  # seconds from handing bytes to the transport until they have left


class _Armed:
    def __init__(self, name: str, nth: int, number: int) -> None:
        self.name = name
        self._left = nth
        self._signal = number

    def reached(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


_armed: _Armed | None = None


def arm(spec: str) -> None:
    """Prepare to die at a point; "" disarms. Raises ValueError for a name that is none, or a number that is none."""
    global _armed  # noqa: PLW0603  # one process, one death
    if not spec:
        _armed = None
        return
    name, _, rest = spec.partition(":")
    nth, _, how = rest.partition(":")
    if name not in POINTS or how not in {"", "stop"} or not (nth or "1").isdigit():
        raise ValueError(
            f"REPLYX_CRASH_POINT: {spec!r} is not name[:nth][:stop] with one of {', '.join(sorted(POINTS))}"
        )
    _armed = _Armed(name, int(nth or "1"), signal.SIGSTOP if how else signal.SIGKILL)


def crash_point(name: str) -> None:
    """Die here, if this is the point and the time."""
    if _armed is not None and _armed.name == name:
        _armed.reached()


def crash_point_soon(name: str) -> None:
    """The same, once what was written to a transport has left it: event loops write at the end of their turn."""
    if _armed is not None and _armed.name == name:
        asyncio.get_running_loop().call_later(ON_THE_WIRE, _armed.reached)
