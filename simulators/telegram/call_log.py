"""What bots called, in order: the last calls with their parameters, and a longer, compact history of sends.

A send is a call that puts something before people: send*, edit*, forward*, copy*. Times of arrival are CLOCK_MONOTONIC
seconds taken at the first byte of the request, so that clients on the same machine can compare them with their own.
Both logs are bounded; `dropped` says how many sends were forgotten.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CALLS_KEPT = 20_000
SENDS_KEPT = 200_000
VALUE_KEPT = 5_000
TEXT_KEPT = 200

_SENDING = ("send", "edit", "forward", "copy")
_NOT_SENDING = frozenset({"sendchataction", "sendmessagedraft", "sendrichmessagedraft", "editforumtopic"})

COLUMNS = (
    "id", "arrived", "finished", "connection", "bot_id", "chat_id", "method", "status", "effect", "message_id", "fault",
    "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from: monotonic seconds of its first byte, and the number of its connection (0: none)."""

    arrived: float
    connection: int = 0
    via: str = "http"


@dataclass(slots=True)
class ApiCall:
    """One call. Times are unix seconds; `status` 0 while it runs, -1 when the connection was cut by a fault.

    `via` is "http" or "webhook" (a method in the answer to a webhook). `effect`: whether the method took effect, which
    a lost answer does not tell. `fault` names the scripted action it met.
    """

    id: int
    at: float
    bot_id: int
    method: str
    params: dict[str, Any]
    via: str
    arrived: float = 0.0
    connection: int = 0
    status: int = 0
    description: str = ""
    finished_at: float = 0.0
    effect: bool = False
    fault: str = ""


@dataclass(slots=True)
class Send:
    """One send. `finished` is 0 while it runs; `text` the beginning of its text or caption."""

    id: int
    arrived: float
    connection: int
    bot_id: int
    chat_id: int
    method: str
    text: str
    finished: float = 0.0
    status: int = 0
    effect: bool = False
    message_id: int = 0
    fault: str = ""

    @property
    def outcome(self) -> str:
        """running; ok; lost (took effect, but the answer did not say so); refused."""
        if not self.finished:
            return "running"
        if self.effect:
            return "ok" if self.status == 200 else "lost"
        return "refused"

    def row(self) -> tuple[Any, ...]:
        """The values of COLUMNS."""
        return (
            self.id, self.arrived, self.finished, self.connection, self.bot_id, self.chat_id, self.method, self.status,
            self.effect, self.message_id, self.fault, self.text,
        )  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """Which sends are wanted; 0 and "" mean any. `since` and `until` bound the arrival, `contains` is in the text."""

    bot_id: int = 0
    chat_id: int = 0
    method: str = ""
    outcome: str = ""
    contains: str = ""
    since_id: int = 0
    since: float = 0.0
    until: float = float("inf")

    def fits(self, send: Send) -> bool:
        """Whether the send is wanted."""
        return (
            send.id > self.since_id
            and self.bot_id in (0, send.bot_id)
            and self.chat_id in (0, send.chat_id)
            and self.since <= send.arrived < self.until
            and (not self.method or self.method.lower() == send.method.lower())
            and (not self.outcome or self.outcome == send.outcome)
            and (not self.contains or self.contains in send.text)
        )


def is_send(method: str) -> bool:
    """Whether a method (in lower case) puts something before people."""
    return method.startswith(_SENDING) and method not in _NOT_SENDING


class CallLog:
    """The last calls of all bots."""

    def __init__(self, sends_kept: int = SENDS_KEPT) -> None:
        self._calls: deque[ApiCall] = deque(maxlen=CALLS_KEPT)
        self._sends: deque[Send] = deque(maxlen=sends_kept)
        self._ids = itertools.count(1)
        self.dropped = 0

    def begin(self, at: float, bot_id: int, method: str, params: dict[str, str], origin: Origin) -> ApiCall:
        """Note a call that starts now; long values are cut."""
        shown = {key: value if len(value) <= VALUE_KEPT else value[:VALUE_KEPT] for key, value in params.items()}
        call = ApiCall(next(self._ids), at, bot_id, method, shown, origin.via, origin.arrived, origin.connection)
        self._calls.append(call)
        return call

    def begin_send(self, call: ApiCall, chat_id: int) -> Send:
        """Note that a call is a send."""
        text = str(call.params.get("text") or call.params.get("caption") or "")[:TEXT_KEPT]
        send = Send(call.id, call.arrived, call.connection, call.bot_id, chat_id, call.method, text)
        self.dropped += len(self._sends) == self._sends.maxlen
        self._sends.append(send)
        return send

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._sends.clear()
        self.dropped = 0

    def sends(self, wanted: Filter | None = None) -> Iterator[Send]:
        """The sends that fit, in order of their ids."""
        return filter(wanted.fits, self._sends) if wanted else iter(self._sends)

    def select(self, *, bot_id: int = 0, method: str = "", since_id: int = 0, limit: int = CALLS_KEPT) -> list[ApiCall]:
        """The calls that fit, oldest first; `limit` keeps the newest."""
        found = [
            call
            for call in self._calls
            if call.id > since_id
            and bot_id in (0, call.bot_id)
            and (not method or call.method.lower() == method.lower())
        ]
        return found[-limit:]
