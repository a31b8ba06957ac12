"""The runner: tenants and kinds take turns; schedules fire once, whoever looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from domain.kit import jobs, schedules
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.ids import uuid7
from domain.kit.jobs import Handler, Job, JobContext, Later
from domain.kit.settings import Settings
from domain.kit.tasks import Tasks
from shards.jobs import JobRunner
from tests.jobrunner import own_all_slots
from tests.shards.world import World, running_worker, shared, until


async def _tenant(db: Database, kind: str, count: int) -> UUID:
    tenant = uuid7()
    async with db.tenant_tx(tenant) as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", tenant)
        for key in range(count):
            await jobs.enqueue(conn, tenant_id=tenant, kind=kind, key=str(key))
    return tenant


@asynccontextmanager
async def _running(db: Database, handlers: dict[str, Handler]) -> AsyncIterator[JobRunner]:
    """A runner that owns every slot."""
    ownership = SimpleNamespace(held=await own_all_slots(db))
    runner = JobRunner(db, cast("Any", ownership), handlers, SystemClock())
    tasks = Tasks("test")
    tasks.eternal("runner", runner.run())
    try:
        yield runner
    finally:
        await tasks.stop()
        await runner.stop()


async def test_a_tenant_with_a_thousand_jobs_does_not_starve_another(db: Database) -> None:
    busy = await _tenant(db, "test.work", 1000)
    other = await _tenant(db, "test.work", 3)
    seen: list[UUID] = []

    async def work(job: Job, _: JobContext) -> None:
        seen.append(job.tenant_id)

    async with _running(db, {"test.work": work}):

        async def served() -> bool:
            return seen.count(other) == 3

        await until(served, "the other tenant's jobs")
    assert seen.count(busy) <= 12


async def test_long_work_leaves_a_place_to_others_and_does_not_hold_up_another_kind(db: Database) -> None:
    busy = await _tenant(db, "slow.work", 10)
    other = await _tenant(db, "slow.work", 1)
    quick = await _tenant(db, "quick.work", 20)
    seen: list[UUID] = []
    never = asyncio.Event()

    async def slow(job: Job, _: JobContext) -> None:
        seen.append(job.tenant_id)
        await never.wait()

    async def fast(job: Job, _: JobContext) -> None:
        seen.append(job.tenant_id)

    async with _running(db, {"slow.work": slow, "quick.work": fast}):

        async def all_but_the_slow() -> bool:
            return seen.count(quick) == 20 and other in seen

        await until(all_but_the_slow, "whoever is not behind the slow work")
    assert seen.count(busy) == 2


async def test_a_long_work_goes_on_step_by_step(db: Database) -> None:
    await _tenant(db, "test.steps", 1)
    steps: list[int] = []

    async def step(job: Job, context: JobContext) -> None:
        done = job.progress.get("done", 0) + 1
        steps.append(job.attempts)
        async with context.tx() as conn:
            await context.save_progress(conn, {"done": done})
        if done < 8:
            raise Later(0.01)

    async with _running(db, {"test.steps": step}):

        async def finished() -> bool:
            async with db.worker_tx() as conn:
                return bool(await conn.fetchval("SELECT count(*) = 0 FROM jobs"))

        await until(finished, "the last step")
    assert steps == [1] * 8  # a step is no attempt: more than MAX_ATTEMPTS of them are fine


async def test_a_missed_schedule_fires_once_with_two_workers(
    world: World, shard_settings: Settings, db: Database
) -> None:
    tenants = [await world.add_tenant() for _ in range(20)]
    async with db.worker_tx() as conn:
        for tenant in tenants:
            await schedules.put(conn, tenant_id=tenant.id, kind="test.tick", key="k", every_seconds=3600)
        await conn.execute("UPDATE schedules SET next_run = now() - interval '5 hours'")
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:

        async def all_fired() -> bool:
            rows = await tenants[0].rows("SELECT 1 FROM schedules WHERE next_run <= now()")
            fired = await tenants[0].rows("SELECT 1 FROM jobs WHERE kind = 'test.tick' AND state = 'failed'")
            return not rows and len(fired) == len(tenants)

        await until(all_fired, "every schedule to fire")
        await shared(one, two)
    rows = await tenants[0].rows("SELECT tenant_id, error FROM jobs WHERE kind = 'test.tick'")
    assert len({row["tenant_id"] for row in rows}) == len(rows) == len(tenants)
    assert {row["error"] for row in rows} == {"this version knows no job of kind test.tick"}
    times = await tenants[0].rows("SELECT 1 FROM schedules WHERE next_run BETWEEN now() AND now() + interval '1 hour'")
    assert len(times) == len(tenants)
