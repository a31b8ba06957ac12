"""How much a shard does: rates over its last renewals, for its row in `shard_members`."""

from collections import deque
from collections.abc import Callable

from domain.kit.clock import Clock
from domain.kit.metrics import Counter

WINDOW = 6  # readings; with a renewal every 2 s, the last 10 seconds


class Rate:
    """What a count that only grows did a second, over the last readings."""

    def __init__(self, clock: Clock, read: Callable[[], float]) -> None:
        self._clock = clock
        self._read = read
        self._readings: deque[tuple[float, float]] = deque([(clock.monotonic(), read())], maxlen=WINDOW)

    def per_second(self) -> float:
        """Read, and say how fast it grew since the oldest reading kept."""
        now, count = self._clock.monotonic(), self._read()
        since, before = self._readings[0]
        self._readings.append((now, count))
        return round((count - before) / (now - since), 2) if now > since else 0.0


def total(counter: Counter) -> float:
    """A counter of this process over all its labels."""
    return sum(
        sample.value for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")
    )
