"""Members that take, release and lose the same slots at the same moment."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from domain.kit.db import Database
from domain.kit.settings import Settings
from domain.kit.tasks import TaskEnded
from shards import queries
from shards.lease import TTL, LeaseLost
from tests.shards.test_handover import _all_open, members
from tests.shards.world import until

SLOWLY = """
CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN true; END $$
"""
STUCK = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
OWNERS = "SELECT slot, epoch FROM slot_owners WHERE member_id = $1"


@asynccontextmanager
async def gate_for_slow_statements(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A statement that says slowly() stands there until the connection is told `pg_advisory_unlock(1)`."""
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute(SLOWLY)
        await conn.execute("SELECT pg_advisory_lock(1)")
        yield conn
    finally:
        await conn.close()


async def _join(db: Database, name: str) -> None:
    async with db.worker_tx() as conn:
        await conn.execute(queries.JOIN, name, name, "host", 1, TTL)


async def _acquire(db: Database, name: str, slots: Iterable[int]) -> dict[int, int]:
    async with db.worker_tx() as conn:
        return await queries.acquire(conn, member_id=name, slots=list(slots))


async def test_who_joined_while_another_takes_slots_keeps_its_own(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's statement looked at the members before the second one joined, and comes to its slots later."""
    async with gate_for_slow_statements(settings.owner_dsn) as gate:
        await _join(db, "first")
        with monkeypatch.context() as patch:
            patch.setattr(queries, "ACQUIRE", queries.ACQUIRE.replace("WHERE slot =", "WHERE slowly() AND slot ="))
            first = asyncio.ensure_future(_acquire(db, "first", range(16)))
            await until(lambda: gate.fetchval(STUCK), "the first to be in the middle of its taking")
        await _join(db, "second")
        second = await _acquire(db, "second", range(1, 16))
        await gate.execute("SELECT pg_advisory_unlock(1)")
        assert second.keys() == set(range(1, 16))
        assert (await first).keys() == {0}
        assert {row["slot"]: row["epoch"] for row in await gate.fetch(OWNERS, "second")} == second


async def test_a_release_that_comes_late_frees_nothing_that_was_taken_anew(db: Database) -> None:
    await _join(db, "one")
    old = await _acquire(db, "one", [7, 8])
    async with db.worker_tx() as conn:
        await queries.release(conn, member_id="one", epochs={7: old[7]})
    new = await _acquire(db, "one", [7])
    async with db.worker_tx() as conn:
        await queries.release(conn, member_id="one", epochs=old)
        assert await queries.fetch_owned(conn, member_id="one") == new


async def test_a_taking_whose_confirmation_was_lost_is_undone_and_done_again(settings: Settings, db: Database) -> None:
    async with members(settings, db, "shard-00") as (one,):
        await one.ownership.join()
        unseen = await _acquire(db, one.ownership.member_id, range(100))
        one.start_looking()
        await _all_open(one)
        assert all(one.ownership.held[slot] == epoch + 1 for slot, epoch in unseen.items())


async def test_a_member_whose_slot_is_another_s_stops(settings: Settings, db: Database) -> None:
    """Nobody can take it by the rules; a hand in the database can, and a restored backup."""
    async with members(settings, db, "shard-00") as (one,):
        await one.start()
        await _all_open(one)
        async with db.worker_tx() as conn:
            await conn.execute("UPDATE slot_owners SET member_id = NULL, epoch = epoch + 1 WHERE slot = 3")
        with pytest.raises(TaskEnded) as ended:
            await one.tasks.run_until(asyncio.Event())
        assert isinstance(ended.value.__cause__, LeaseLost)
