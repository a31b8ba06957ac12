"""What bots called, in order: a ring of the last calls."""

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any

CALLS_KEPT = 20_000
VALUE_KEPT = 5_000


@dataclass(slots=True)
class ApiCall:
    """One call. Times are unix seconds; `status` 0 while it runs, -1 when the connection was cut by a fault.

    `via` is "http" or "webhook" (a method in the answer to a webhook).
    """

    id: int
    at: float
    bot_id: int
    method: str
    params: dict[str, Any]
    via: str
    status: int = 0
    description: str = ""
    finished_at: float = 0.0


class CallLog:
    """The last calls of all bots."""

    def __init__(self) -> None:
        self._calls: deque[ApiCall] = deque(maxlen=CALLS_KEPT)
        self._ids = itertools.count(1)

    def begin(self, at: float, bot_id: int, method: str, params: dict[str, str], via: str) -> ApiCall:
        """Note a call that starts now; long values are cut."""
        shown = {key: value[:VALUE_KEPT] for key, value in params.items()}
        call = ApiCall(next(self._ids), at, bot_id, method, shown, via)
        self._calls.append(call)
        return call

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

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
