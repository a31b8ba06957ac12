"""The stream's loop with a clock moved by hand: heartbeats, age, a database that is away."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.dialogs import Event
from domain.kit.errors import Unavailable
from gateway.sse.feed import Feed
from gateway.sse.stream import DialogStream
from gateway.sse.timing import Timing
from tests.gateway.running import eventually


class HandClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> datetime:
        """Wall time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        """Seconds."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Passes at once."""
        self.time += seconds
        await asyncio.sleep(0)


class Log:
    """A dialog's log in memory that can be away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.away = False

    async def events_since(self, *, tenant_id: UUID, dialog_id: UUID, after: int) -> list[Event]:
        """As DialogHistory."""
        if self.away:
            raise Unavailable("away")
        return [event for event in self.events if event.seq > after]

    async def last_seqs(self, *, tenant_id: UUID, dialog_ids: list[UUID]) -> dict[UUID, int]:
        """As DialogHistory."""
        return dict.fromkeys(dialog_ids, len(self.events))

    async def running_turn(self, *, slot: int, dialog_id: UUID) -> None:
        """Nothing runs."""
        return


class Harness:
    """A stream whose client collects bytes."""

    def __init__(self, timing: Timing) -> None:
        self.clock, self.log = HandClock(), Log()
        self.feed = Feed(uuid4(), uuid4(), 1, 0)
        self.sent: list[bytes] = []
        history: Any = self.log
        self.stream = DialogStream(self.feed, history, timing, self.clock)

    async def send(self, data: bytes) -> None:
        """The client's side."""
        self.sent.append(data)

    async def run(self) -> None:
        """The whole stream."""
        await self.stream.run(await self.stream.begin(), self.send)

    def step(self, seconds: float) -> None:
        """Let time pass and the stream look."""
        self.clock.time += seconds
        self.feed.mark_stale()


async def test_a_heartbeat_comes_after_fifteen_silent_seconds_only() -> None:
    harness = Harness(Timing())
    running = asyncio.create_task(harness.run())
    await eventually(lambda: len(harness.sent) == 1)
    harness.step(14.9)
    await eventually(lambda: not harness.feed.stale)
    assert len(harness.sent) == 1
    harness.step(0.2)
    await eventually(lambda: len(harness.sent) == 2)
    assert harness.sent[-1] == b": hb\n\n"
    harness.log.events.append(Event(1, "mode", {"seq": 1}))
    harness.step(14.0)
    await eventually(lambda: len(harness.sent) == 3)
    harness.step(2.0)  # sixteen seconds after the heartbeat, but two after the event
    await eventually(lambda: not harness.feed.stale)
    assert len(harness.sent) == 3
    harness.feed.end()
    await running
    assert harness.sent[-1].startswith(b"retry: ")


async def test_a_stream_ends_at_its_age() -> None:
    harness = Harness(Timing(max_age=100))
    running = asyncio.create_task(harness.run())
    await eventually(lambda: len(harness.sent) == 1)
    harness.step(100)
    async with asyncio.timeout(5):
        await running


async def test_a_database_that_is_away_costs_time_and_nothing_else() -> None:
    harness = Harness(Timing())
    running = asyncio.create_task(harness.run())
    await eventually(lambda: len(harness.sent) == 1)
    harness.log.events.append(Event(1, "mode", {"seq": 1}))
    harness.log.away = True
    harness.feed.mark_stale()
    await eventually(lambda: b": hb\n\n" in harness.sent)
    harness.log.away = False
    await eventually(lambda: b"event: mode" in b"".join(harness.sent))
    harness.feed.end()
    await running


@pytest.mark.parametrize("seen", [1, 9])
async def test_a_client_ahead_of_the_log_is_reset(seen: int) -> None:
    harness = Harness(Timing())
    harness.feed.seq = seen
    harness.stream._view.seq = seen
    await harness.run()
    assert len(harness.sent) == 1
    assert b"event: reset" in harness.sent[0]
