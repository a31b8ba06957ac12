"""Rate limits with exact sliding windows. Pure: time is given.

A token bucket of burst B and rate R lets B + R through in one second; Telegram counts any second. So each limit is a
log of the last N sends: one more is allowed when the oldest of them is a period away.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


class SlidingWindow:
    """At most `limit` events in any `period` seconds."""

    __slots__ = ("_times", "limit", "period")

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._times: deque[float] = deque()

    def ready_at(self, now: float) -> float:
        """When the next event is allowed: `now`, or later."""
        self._expire(now)
        if len(self._times) < self.limit:
            return now
        return self._times[len(self._times) - self.limit] + self.period

    def take(self, now: float) -> None:
        """Count an event; one that is recalled may be older than what was counted since."""
        if self._times and now < self._times[-1]:
            insort(self._times, now)
        else:
            self._times.append(now)

    def idle(self, now: float) -> bool:
        """Whether nothing is remembered."""
        self._expire(now)
        return not self._times

    def count(self, now: float) -> int:
        """Events in the last period."""
        self._expire(now)
        return len(self._times)

    def _expire(self, now: float) -> None:
        while self._times and self._times[0] <= now - self.period:
            self._times.popleft()


def chat_windows(chat_id: int) -> tuple[SlidingWindow, ...]:
    """Telegram's limits for one chat: about 1/s with a short burst in private, 20 a minute in a group."""
    if chat_id < 0:
        return (SlidingWindow(1, 1.0), SlidingWindow(20, 60.0))
    return (SlidingWindow(3, 3.0),)


@dataclass(slots=True)
class BotLimits:
    """The windows of one bot and of its chats that were written to lately."""

    rate: int
    bot: SlidingWindow = field(init=False)
    chats: dict[int, tuple[SlidingWindow, ...]] = field(default_factory=dict)
    holds: dict[int, float] = field(default_factory=dict)
    windows_of: Callable[[int], tuple[SlidingWindow, ...]] = chat_windows

    def __post_init__(self) -> None:
        self.bot = SlidingWindow(self.rate, 1.0)

    def ready_at(self, chat_id: int, now: float) -> float:
        """When a send to this chat is allowed."""
        return max(self.bot.ready_at(now), self.chat_ready_at(chat_id, now))

    def chat_ready_at(self, chat_id: int, now: float) -> float:
        """When the chat alone would allow it."""
        windows = self.chats.get(chat_id, ())
        held = self.holds.get(chat_id, 0.0)
        return max([now, held, *(window.ready_at(now) for window in windows)])

    def take(self, chat_id: int, now: float) -> None:
        """Count a send."""
        self.bot.take(now)
        windows = self.chats.get(chat_id)
        if windows is None:
            windows = self.chats[chat_id] = self.windows_of(chat_id)
        for window in windows:
            window.take(now)

    def hold(self, chat_id: int, until: float) -> None:
        """Telegram asked for quiet in this chat."""
        self.holds[chat_id] = max(until, self.holds.get(chat_id, 0.0))

    def recall(self, sends: Iterable[tuple[int, float]], now: float) -> None:
        """Rebuild from (chat, age in seconds) of the last minute's sends, after a slot moved here."""
        for chat_id, age in sorted(sends, key=lambda send: -send[1]):
            self.take(chat_id, now - age)

    def evict(self, now: float) -> None:
        """Forget chats that are idle."""
        self.holds = {chat: until for chat, until in self.holds.items() if until > now}
        idle = [chat for chat, windows in self.chats.items() if all(window.idle(now) for window in windows)]
        for chat in idle:
            del self.chats[chat]
