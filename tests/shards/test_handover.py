"""Slots on their way from one owner to another, with users that take their time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.bus import Publisher
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.line import Line
from domain.kit.redis import connect
from domain.kit.settings import Settings
from domain.kit.slots import SLOTS
from domain.kit.tasks import Tasks
from shards.lease import Lease
from shards.ownership import Ownership
from tests.shards.world import until


class User:
    """Works in slots: `busy` ones have something in flight, openings wait for `gate`."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.busy: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = 0
        self.settled = asyncio.Event()

    async def gained(self, slots: frozenset[int]) -> None:
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise Unavailable("away")
        self.open |= slots

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        self.open -= slots
        return slots & self.busy

    async def settle(self, slots: frozenset[int]) -> None:
        del slots
        await self.settled.wait()

    def forget(self, slots: frozenset[int]) -> None:
        self.open -= slots
        assert not slots & self.busy or self.settled.is_set()


class Member:
    """An Ownership with one user, running."""

    def __init__(self, settings: Settings, db: Database, publisher: Publisher, program: str) -> None:
        lease = Lease(Line(settings.worker_dsn, name=program), SystemClock(), program=program)
        self.ownership = Ownership(db, publisher, SystemClock(), lease)
        self.user = User()
        self.ownership.add_user(self.user)
        self.tasks = Tasks(program)

    @property
    def held(self) -> set[int]:
        return set(self.ownership.held)

    async def start(self) -> None:
        await self.ownership.join()
        self.start_looking()

    def start_looking(self) -> None:
        self.tasks.eternal("lease", self.ownership.lease.run())
        self.tasks.eternal("ownership", self.ownership.run())

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.ownership.stop()


@asynccontextmanager
async def members(settings: Settings, db: Database, *programs: str) -> AsyncIterator[list[Member]]:
    """Members that are not started."""
    redis = connect(settings.redis_dsn)
    found = [Member(settings, db, Publisher(redis), program) for program in programs]
    try:
        yield found
    finally:
        for member in found:
            await member.stop()
        await redis.aclose()


async def _all_open(*some: Member) -> None:
    async def are() -> bool:
        return sum(len(member.user.open) for member in some) == SLOTS

    await until(are, "all slots to be open")


async def test_a_busy_slot_holds_back_no_other(settings: Settings, db: Database) -> None:
    async with members(settings, db, "shard-00", "shard-01", "shard-02") as (one, two, three):
        await one.start()
        await _all_open(one)
        one.user.busy = set(range(0, SLOTS, 8))
        await two.start()
        await until(lambda: _is(len(two.user.open) > SLOTS // 3), "the idle ones to move")
        still = one.user.busy - two.held
        assert still & one.held == still  # what is in flight stays where it is
        # Meanwhile a third comes: what is idle goes to it as well, from both.
        await three.start()
        await until(lambda: _is(len(three.user.open) > SLOTS // 5), "the idle ones to move to the third")
        leaving = {slot for slot in one.user.busy & one.held if slot in one.ownership._leaving}
        answered = min(leaving)
        one.user.busy.discard(answered)
        await until(lambda: _is(answered in two.held | three.held), "the answered one to move")
        one.user.settled.set()
        one.user.busy.clear()
        await _all_open(one, two, three)


async def test_an_opening_that_waits_stops_nobody(settings: Settings, db: Database) -> None:
    async with members(settings, db, "shard-00", "shard-01") as (one, two):
        one.user.gate.clear()
        await one.start()
        await until(lambda: _is(len(one.held) == SLOTS), "the slots to be taken")
        await two.start()
        await until(lambda: _is(two.ownership.member_id in one.ownership._sightings._seen), "the second to be noticed")
        assert not one.user.open
        assert len(one.held) == SLOTS  # a slot is not handed over before it is open
        one.user.gate.set()
        await _all_open(one, two)
        assert two.user.open


async def test_a_drain_does_not_wait_for_openings(settings: Settings, db: Database) -> None:
    async with members(settings, db, "shard-00", "shard-01") as (one, two):
        one.user.gate.clear()
        await one.start()
        await until(lambda: _is(len(one.held) == SLOTS), "the slots to be taken")
        await one.ownership.drain()
        await one.stop()
        assert not one.user.open
        await two.start()
        await _all_open(two)


async def test_an_opening_is_repeated_until_it_succeeds(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.ownership.LOOK_EVERY", 0.05)
    async with members(settings, db, "shard-00") as (one,):
        one.user.failures = 3
        await one.start()
        await _all_open(one)
        assert one.user.failures == 0


async def test_a_fault_in_an_opening_ends_the_process(settings: Settings, db: Database) -> None:
    async with members(settings, db, "shard-00") as (one,):

        async def broken(slots: frozenset[int]) -> None:
            raise RuntimeError(f"cannot open {len(slots)}")

        one.user.gained = broken  # type: ignore[method-assign]
        await one.ownership.join()
        async with asyncio.timeout(10):
            with pytest.raises(RuntimeError, match="cannot open 1024"):
                await one.ownership.run()


async def _is(fact: bool) -> bool:
    return fact
