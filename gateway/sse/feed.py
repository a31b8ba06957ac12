"""The bounded queue between the fanout, which must never wait, and one stream, which may be slow."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from domain.bus import Signal

CAPACITY = 64  # signals; a client further behind is told to start over


@dataclass(eq=False, slots=True)
class Feed:
    """Signals for one stream. `seq` is the last durable event the stream has sent (the stream keeps it current)."""

    tenant_id: UUID
    dialog_id: UUID
    slot: int
    seq: int
    stale: bool = False  # something may have been missed: read Postgres
    overflowed: bool = False
    ending: bool = False
    _signals: deque[Signal] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, signal: Signal) -> None:
        """Add one; a full queue is given up for good."""
        if len(self._signals) >= CAPACITY:
            self.overflowed = True
            self._signals.clear()
        elif not self.overflowed:
            self._signals.append(signal)
        self._wake.set()

    def mark_stale(self) -> None:
        """Ask the stream to read Postgres."""
        self.stale = True
        self._wake.set()

    def end(self) -> None:
        """Ask the stream to say goodbye: the process is shutting down."""
        self.ending = True
        self._wake.set()

    def take(self) -> tuple[list[Signal], bool]:
        """What has come since the last time, and whether Postgres must be read; both are reset."""
        signals, stale = list(self._signals), self.stale
        self._signals.clear()
        self.stale = False
        self._wake.clear()
        return signals, stale

    async def wait(self, seconds: float) -> None:
        """Until there is something to look at, or the time is up."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return
