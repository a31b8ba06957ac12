"""Flood control as the real server does it: small floods are held, bigger ones get 429.

Budgets: messages of one bot per second, of one private chat (a burst, then one a second), of one group per minute;
edits spend from the same budgets. Previews and chat actions have their own, wider one. A call that has to wait is
held while the sum of its waits stays within `hold_seconds`; else it is refused with the last wait.
"""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import Any

from simulators.telegram.clock import Clock, sleep
from simulators.telegram.errors import too_many_requests

WINDOWS_KEPT = 50_000


@dataclass(frozen=True)
class LimitSettings:
    """Rates. `private_burst` messages may come at once in a private chat, then one every `private_interval` seconds."""

    enabled: bool = True
    bot_per_second: int = 30
    private_burst: int = 5
    private_interval: float = 1.0
    group_per_minute: int = 20
    preview_per_second: int = 5
    hold_seconds: float = 8.0
    action_hold_seconds: float = 2.0
    unsent_per_chat: int = 310


class _Window:
    """At most `count` events in any `period` seconds."""

    __slots__ = ("count", "period", "times")

    def __init__(self, count: int, period: float) -> None:
        self.count = count
        self.period = period
        self.times: deque[float] = deque()

    def wait(self, now: float) -> float:
        while self.times and self.times[0] <= now - self.period:
            self.times.popleft()
        return self.times[-self.count] + self.period - now if len(self.times) >= self.count else 0.0

    def take(self, now: float) -> None:
        self.times.append(now)


class _Bucket:
    """A burst, then one event every `interval` seconds."""

    __slots__ = ("burst", "full_at", "interval")

    def __init__(self, burst: int, interval: float) -> None:
        self.burst = burst
        self.interval = interval
        self.full_at = 0.0

    def wait(self, now: float) -> float:
        return max(0.0, self.full_at - (self.burst - 1) * self.interval - now)

    def take(self, now: float) -> None:
        self.full_at = max(self.full_at, now) + self.interval


class Limits:
    """The budgets of all bots and chats; the least recently used are forgotten."""

    def __init__(self, clock: Clock, settings: LimitSettings) -> None:
        self._clock = clock
        self.settings = settings
        self._budgets: OrderedDict[tuple[str, int, int], _Window | _Bucket] = OrderedDict()
        self._unsent: dict[tuple[int, int], int] = {}

    def change(self, **fields: Any) -> LimitSettings:
        """Change settings by name; all budgets start anew. TypeError for an unknown name."""
        self.settings = replace(self.settings, **fields)
        self._budgets.clear()
        return self.settings

    async def spend(self, bot_id: int, chat_id: int, kind: str = "message") -> None:
        """Take one event from every budget that applies, waiting as the server would. ApiError 429 when it refuses."""
        if not self.settings.enabled:
            return
        key = (bot_id, chat_id)
        if self._unsent.get(key, 0) >= self.settings.unsent_per_chat:
            await sleep(self._clock, 3.0)
            raise too_many_requests(60)
        self._unsent[key] = self._unsent.get(key, 0) + 1
        try:
            await self._wait_and_take(bot_id, chat_id, kind)
        finally:
            self._unsent[key] -= 1
            if not self._unsent[key]:
                del self._unsent[key]

    async def _wait_and_take(self, bot_id: int, chat_id: int, kind: str) -> None:
        allowance = self.settings.action_hold_seconds if kind == "action" else self.settings.hold_seconds
        held = 0
        while True:
            now = self._clock.now()
            budgets = self._budgets_for(bot_id, chat_id, kind)
            wait = math.ceil(max(budget.wait(now) for budget in budgets) - 1e-9)
            if wait <= 0:
                break
            held += wait
            if held > allowance:
                raise too_many_requests(wait)
            await sleep(self._clock, wait)
        for budget in budgets:
            budget.take(now)

    def _budgets_for(self, bot_id: int, chat_id: int, kind: str) -> list[_Window | _Bucket]:
        settings = self.settings
        if kind in {"preview", "action"}:
            return [self._budget((kind, bot_id, chat_id), _Window(settings.preview_per_second, 1.0))]
        own: _Window | _Bucket
        if chat_id < 0:
            own = _Window(settings.group_per_minute, 60.0)
        else:
            own = _Bucket(settings.private_burst, settings.private_interval)
        return [
            self._budget(("bot", bot_id, 0), _Window(settings.bot_per_second, 1.0)),
            self._budget(("chat", bot_id, chat_id), own),
        ]

    def _budget(self, key: tuple[str, int, int], fresh: _Window | _Bucket) -> _Window | _Bucket:
        budget = self._budgets.setdefault(key, fresh)
        self._budgets.move_to_end(key)
        while len(self._budgets) > WINDOWS_KEPT:
            self._budgets.popitem(last=False)
        return budget
