"""A lane on its own: a clock that is moved by hand, rows out of nothing, sends that end when they are told to."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from domain.kit.ids import uuid7
from domain.kit.tasks import Tasks
from domain.outbox import BULK, REPLY, OutboxRow
from shards.lanes import Admission, Lane

TENANT = uuid7()


class HandClock:
    """Time that stands still between steps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> datetime:
        """Wall time."""
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        """Seconds."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Until the clock was moved so far."""
        until = self.time + seconds
        while self.time < until:
            await asyncio.sleep(0)


def row(number: int, chat: int, *, bulk: bool = False, wait: float = 0.0) -> OutboxRow:
    """A send."""
    return OutboxRow(
        id=number,
        tenant_id=TENANT,
        slot=5,
        bot_id=1001,
        dialog_id=uuid7(),
        message_id=uuid7(),
        chat_id=chat,
        part=0,
        parts=1,
        method="sendMessage",
        payload={"chat_id": chat, "text": str(number)},
        priority=BULK if bulk else REPLY,
        state="ready",
        attempts=0,
        resends=0,
        epoch=1,
        created_at=datetime.fromtimestamp(1000.0, UTC),
        wait=wait,
    )


class Bench:
    """A lane and what it sent: (id, when). `reply` scripts an answer: seconds of a 429 for a row, or None."""

    def __init__(self, rate: int | None = 30) -> None:
        self.clock = HandClock()
        self.rate = rate
        self.sent: list[tuple[int, float]] = []
        self.flood: Callable[[OutboxRow], float | None] = lambda _: None
        self.mark = 0.0  # seconds a mark takes
        self.pause: Callable[[], float] = lambda: 0.0
        self.latency: Callable[[OutboxRow], float] = lambda _: 0.0
        self.tasks = Tasks("lane")
        self.lane = Lane(
            slot=5,
            clock=self.clock,
            tasks=self.tasks,
            send=self._send,
            rate=lambda: self.rate,
            may_act=lambda _: True,
        )

    async def _send(self, admission: Admission, given: OutboxRow) -> OutboxRow | None:
        await self.clock.sleep(self.mark)
        admission.marked()
        if not await self.lane.wait_turn(given) or not admission.ask():
            return given
        self.clock.time += self.pause()  # the process stands still between the look at its clock and the write
        self.sent.append((given.id, self.clock.time))
        self.clock.time += self.pause()
        admission.written()
        await self.clock.sleep(self.latency(given))
        flood = self.flood(given)
        if flood is not None:
            self.lane.flooded(given.chat_id, flood)
            return given
        self.lane.answered(given.chat_id)
        return None

    async def run(self, seconds: float, *, step: float = 0.01) -> None:
        """Let time pass."""
        for _ in range(round(seconds / step)):
            await self.settle()
            self.clock.time += step
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        self.lane.pump()
        for _ in range(6):
            await asyncio.sleep(0)

    def ids(self) -> list[int]:
        """What was sent, in order."""
        return [number for number, _ in self.sent]

    async def stop(self) -> None:
        """End it."""
        self.lane.freeze()
        await self.tasks.stop()
