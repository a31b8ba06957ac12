"""Time as the simulator sees it: the real one, or one that a test moves by hand."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A scheduled callback that can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless after it ran."""


class Clock(Protocol):
    """Unix seconds and timers; everything that waits in the simulator waits on one of these."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the event loop `delay` seconds from now."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the event loop `delay` seconds from now."""
        return asyncio.get_running_loop().call_later(max(0.0, delay), callback)


class _FakeTimer:
    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """A clock that stands still until a test calls `advance`."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._timers: list[tuple[float, int, _FakeTimer]] = []
        self._order = itertools.count()
        self._scheduled = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch, as set by the test."""
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Remember `callback`; it runs inside the `advance` that passes its time."""
        timer = _FakeTimer(self._now + max(0.0, delay), callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        self._scheduled.set()
        return timer

    def next_delay(self) -> float | None:
        """Seconds until the earliest live timer, None when nothing waits."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self._now if self._timers else None

    async def wait_for_timer(
        self, minimum: float = 0.0, maximum: float = float("inf"), deadline: float = 10.0
    ) -> float:
        """Wait in real time until a timer stands between `minimum` and `maximum` seconds ahead; its delay.

        TimeoutError after `deadline` real seconds.
        """
        async with asyncio.timeout(deadline):
            while True:
                live = [due - self._now for due, _, timer in self._timers if timer.callback is not None]
                fitting = [delay for delay in live if minimum <= delay <= maximum]
                if fitting:
                    return min(fitting)
                self._scheduled.clear()
                await self._scheduled.wait()

    async def advance(self, seconds: float) -> None:
        """Move time forward, running each timer at its own moment and letting the loop breathe after it."""
        target = self._now + seconds
        while self._timers and self._timers[0][0] <= target:
            due, _, timer = heapq.heappop(self._timers)
            if timer.callback is None:
                continue
            self._now = max(self._now, due)
            callback, timer.callback = timer.callback, None
            callback()
            await _breathe()
        self._now = target
        await _breathe()


async def _breathe() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def wait_until(clock: Clock, future: "asyncio.Future[None]", seconds: float) -> bool:
    """Wait for `future`, at most `seconds` of clock time. False when time ran out (the future is then cancelled)."""

    def expire() -> None:
        if not future.done():
            future.cancel()

    timer = clock.call_later(seconds, expire)
    try:
        await asyncio.wait([future])
    finally:
        timer.cancel()
        expire()
    if future.cancelled():
        return False
    future.result()
    return True
