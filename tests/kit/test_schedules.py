"""Schedules: when they are due, and that they fire once."""

import asyncio
from datetime import time, timedelta
from uuid import UUID

import pytest

from domain.kit import jobs, schedules
from domain.kit.db import Database
from domain.kit.errors import Invalid
from domain.kit.ids import uuid7
from tests.jobrunner import own_all_slots


@pytest.fixture
async def tenant(db: Database) -> UUID:
    """A tenant."""
    made = uuid7()
    async with db.tenant_tx(made) as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", made)
    return made


async def _fire(db: Database, held: dict[int, int]) -> int:
    async with db.worker_tx() as conn:
        return await schedules.fire_due(conn, held=held)


async def _set_due(db: Database, seconds_ago: int = 1) -> None:
    async with db.worker_tx() as conn:
        await conn.execute("UPDATE schedules SET next_run = now() - make_interval(secs => $1)", seconds_ago)


async def test_it_fires_once_for_many_missed_times_and_keeps_its_beat(db: Database, tenant: UUID) -> None:
    held = await own_all_slots(db)
    async with db.tenant_tx(tenant) as conn:
        first = await schedules.put(conn, tenant_id=tenant, kind="test", key="k", every_seconds=60, payload={"a": 1})
    assert await _fire(db, held) == 0
    await _set_due(db, 630)
    assert sum(await asyncio.gather(*(_fire(db, held) for _ in range(4)))) == 1
    async with db.tenant_tx(tenant) as conn:
        [schedule] = await schedules.list_schedules(conn, tenant_id=tenant)
        now = await conn.fetchval("SELECT now()")
    assert timedelta(seconds=29) <= schedule.next_run - now <= timedelta(seconds=31)
    assert schedule.next_run < first
    async with db.worker_tx() as conn:
        [job] = await jobs.claim(conn, held=held, limit=10)
    assert (job.kind, job.key, job.payload) == ("test", "k", {"a": 1})


async def test_an_old_epoch_fires_nothing(db: Database, tenant: UUID) -> None:
    held = await own_all_slots(db)
    async with db.tenant_tx(tenant) as conn:
        await schedules.put(conn, tenant_id=tenant, kind="test", key="k", every_seconds=60)
    await _set_due(db)
    newer = await own_all_slots(db)
    assert await _fire(db, held) == 0
    assert await _fire(db, newer) == 1


async def test_firing_while_the_job_runs_lets_it_run_once_more(db: Database, tenant: UUID) -> None:
    held = await own_all_slots(db)
    async with db.tenant_tx(tenant) as conn:
        await schedules.put(conn, tenant_id=tenant, kind="test", key="k", every_seconds=60)
    runs: list[int] = []

    async def handler(job: jobs.Job, context: jobs.JobContext) -> None:
        assert context.job is job
        runs.append(job.id)
        if len(runs) == 1:
            for _ in range(2):
                await _set_due(db)
                assert await _fire(db, held) == 1

    await _set_due(db)
    assert await _fire(db, held) == 1
    for expected in (1, 1, 0):
        async with db.worker_tx() as conn:
            due = await jobs.claim(conn, held=held, limit=10)
        assert len(due) == expected
        for job in due:
            await jobs.run(db, job, {"test": handler})
    assert len(runs) == 2


async def test_a_time_of_day_is_local_and_ahead(db: Database, tenant: UUID) -> None:
    async with db.tenant_tx(tenant) as conn:
        for zone in ("Asia/Tokyo", "America/New_York", "UTC"):
            at = await schedules.put(conn, tenant_id=tenant, kind="test", key=zone, daily_at=time(9, 30), timezone=zone)
            assert await conn.fetchval("SELECT ($1::timestamptz AT TIME ZONE $2)::time", at, zone) == time(9, 30)
            ahead = await conn.fetchval("SELECT $1::timestamptz - now()", at)
            assert timedelta(0) < ahead <= timedelta(hours=25)
            same = await schedules.put(
                conn, tenant_id=tenant, kind="test", key=zone, daily_at=time(9, 30), timezone=zone
            )
            assert same == at
        await schedules.remove(conn, tenant_id=tenant, kind="test", key="UTC")
        assert [s.key for s in await schedules.list_schedules(conn, tenant_id=tenant)] == [
            "America/New_York",
            "Asia/Tokyo",
        ]


@pytest.mark.parametrize(
    "given",
    [{}, {"every_seconds": 0}, {"every_seconds": 5, "daily_at": time(1)}, {"daily_at": time(1), "timezone": "X"}],
)
async def test_a_schedule_that_makes_no_sense_is_refused(db: Database, tenant: UUID, given: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        async with db.tenant_tx(tenant) as conn:
            await schedules.put(conn, tenant_id=tenant, kind="test", key="k", **given)  # type: ignore[arg-type]  # wrong on purpose
