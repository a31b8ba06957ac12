"""The two shapes of a limit: so many in any window, and a burst followed by a steady pace."""

from collections import deque


class Window:
    """At most `count` events in any `period` seconds."""

    __slots__ = ("count", "period", "times")

    def __init__(self, count: int, period: float) -> None:
        self.count = count
        self.period = period
        self.times: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until one more fits."""
        while self.times and self.times[0] <= now - self.period:
            self.times.popleft()
        return self.times[-self.count] + self.period - now if len(self.times) >= self.count else 0.0

    def take(self, now: float) -> None:
        """Count one event."""
        self.times.append(now)


class Bucket:
    """A burst, then one event every `interval` seconds."""

    __slots__ = ("burst", "full_at", "interval")

    def __init__(self, burst: int, interval: float) -> None:
        self.burst = burst
        self.interval = interval
        self.full_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one more fits."""
        return max(0.0, self.full_at - (self.burst - 1) * self.interval - now)

    def take(self, now: float) -> None:
        """Count one event."""
        self.full_at = max(self.full_at, now) + self.interval


Budget = Window | Bucket
