"""Look-ups remembered for a few seconds. The unknown has a small memory of its own: guesses push out only guesses."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from domain.kit.clock import Clock

T = TypeVar("T")

KNOWN_MAX = 10_000
UNKNOWN_MAX = 1_000


class Remembered(Generic[T]):
    """What `look_up` finds under a key, for `ttl` seconds; None is remembered too."""

    def __init__(self, look_up: Callable[[str], Awaitable[T | None]], clock: Clock, *, ttl: float) -> None:
        self._look_up = look_up
        self._clock = clock
        self._ttl = ttl
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()

    def known(self, key: str) -> T | None:
        """The value, if it is remembered."""
        entry = self._known.get(key)
        return entry[1] if entry is not None and entry[0] > self._clock.monotonic() else None

    async def find(self, key: str) -> T | None:
        """The value, from memory or looked up. Raises what `look_up` raises."""
        now = self._clock.monotonic()
        entry = self._known.get(key)
        if entry is not None and entry[0] > now:
            return entry[1]
        if self._unknown.get(key, 0.0) > now:
            return None
        value = await self._look_up(key)
        self._known.pop(key, None)
        self._unknown.pop(key, None)
        if value is None:
            _keep(self._unknown, key, now + self._ttl, UNKNOWN_MAX)
        else:
            _keep(self._known, key, (now + self._ttl, value), KNOWN_MAX)
        return value


V = TypeVar("V")


def _keep(memory: OrderedDict[str, V], key: str, value: V, most: int) -> None:
    memory[key] = value
    if len(memory) > most:
        memory.popitem(last=False)
