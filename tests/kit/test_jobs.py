"""Jobs: run by the slot's owner, resumed, retried, given up, and handed back."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from domain.kit import joblist, jobs
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.ids import uuid7
from domain.kit.jobs import Job, JobContext
from domain.kit.slots import slot_of
from tests.jobrunner import own_all_slots

Enqueue = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def held(db: Database) -> dict[int, int]:
    """Every slot is ours."""
    return await own_all_slots(db)


@pytest.fixture
def enqueue(db: Database) -> Enqueue:
    """Adds a job of a new tenant; returns the tenant."""

    async def add(key: str = "1", **options: Any) -> UUID:
        tenant = uuid7()
        async with db.tenant_tx(tenant) as conn:
            await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", tenant)
            await jobs.enqueue(conn, tenant_id=tenant, kind="test", key=key, **options)
        return tenant

    return add


async def _claim(db: Database, held: dict[int, int], running: list[int] | None = None) -> list[Job]:
    async with db.worker_tx() as conn:
        return await jobs.claim(conn, held=held, limit=10, running=running or [])


async def _rows(db: Database) -> list[tuple[str, int, str | None]]:
    async with db.worker_tx() as conn:
        rows = await conn.fetch("SELECT state, attempts, error FROM jobs ORDER BY id")
    return [(row["state"], row["attempts"], row["error"]) for row in rows]


async def _make_due(db: Database) -> None:
    async with db.worker_tx() as conn:
        await conn.execute("UPDATE jobs SET run_at = now()")


async def test_one_open_job_per_kind_and_key(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    tenant = await enqueue(payload={"a": 1})
    async with db.tenant_tx(tenant) as conn:
        await jobs.enqueue(conn, tenant_id=tenant, kind="test", key="1")
    [job] = await _claim(db, held)
    assert (job.payload, job.attempts, job.slot) == ({"a": 1}, 1, slot_of(tenant))
    assert await _claim(db, held, [job.id]) == []


async def test_a_job_that_is_not_due_waits(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue(delay=60)
    assert await _claim(db, held) == []


async def test_a_claim_under_an_old_epoch_takes_nothing(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    await own_all_slots(db)
    assert await _claim(db, held) == []


async def test_a_finished_job_leaves_no_row(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    seen: list[Job] = []

    async def handler(job: Job, _: JobContext) -> None:
        seen.append(job)

    [job] = await _claim(db, held)
    await jobs.run(db, job, {"test": handler})
    assert seen == [job]
    assert await _rows(db) == []


async def test_the_next_owner_resumes_where_the_last_one_was(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    await enqueue()
    [job] = await _claim(db, held)
    context = JobContext(db, job)
    async with context.tx() as conn:
        await context.save_progress(conn, {"page": 7})
    newer = await own_all_slots(db)
    with pytest.raises(LostOwnership):
        async with context.tx() as conn:
            await context.save_progress(conn, {"page": 99})
    [again] = await _claim(db, newer)
    assert (again.progress, again.attempts, again.epoch) == ({"page": 7}, 2, newer[job.slot])


async def test_a_zombies_verdict_changes_nothing(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    [job] = await _claim(db, held)

    async def handler(_: Job, __: JobContext) -> None:
        await own_all_slots(db)

    await jobs.run(db, job, {"test": handler})
    assert await _rows(db) == [("running", 1, None)]


async def test_a_failure_is_retried_later_and_given_up_after_five(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    await enqueue()

    async def handler(_: Job, __: JobContext) -> None:
        raise RuntimeError("no luck")

    for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
        [job] = await _claim(db, held)
        with pytest.raises(RuntimeError):
            await jobs.run(db, job, {"test": handler})
        state = "failed" if attempt == jobs.MAX_ATTEMPTS else "ready"
        assert await _rows(db) == [(state, attempt, "RuntimeError('no luck')")]
        assert await _claim(db, held) == []  # not before its time
        await _make_due(db)


async def test_giving_up_is_final_at_once(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()

    async def handler(_: Job, __: JobContext) -> None:
        raise jobs.GiveUp("an encrypted file")

    [job] = await _claim(db, held)
    await jobs.run(db, job, {"test": handler})
    assert await _rows(db) == [("failed", 1, "an encrypted file")]
    await jobs.hand_back(db, job)
    assert await _rows(db) == [("failed", 1, "an encrypted file")]  # a verdict is not taken back


async def test_a_failed_job_is_kept_for_thirty_days(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    for state, days in (("failed", 31), ("failed", 29), ("ready", 31)):
        await enqueue()
        async with db.worker_tx() as conn:
            await conn.execute(
                "UPDATE jobs SET state = $1, key = $2, run_at = now() - make_interval(days => $3) WHERE key = '1'",
                state, f"{state}-{days}", days,
            )  # fmt: skip
    async with db.worker_tx() as conn:
        assert await jobs.forget_old(conn, limit=10) == 1
        assert [row["key"] for row in await conn.fetch("SELECT key FROM jobs ORDER BY id")] == ["failed-29", "ready-31"]


async def test_an_unknown_kind_is_said_so(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    [job] = await _claim(db, held)
    await jobs.run(db, job, {})
    assert await _rows(db) == [("failed", 1, "this version knows no job of kind test")]


async def test_a_job_whose_server_is_away_waits_without_using_up_attempts(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    await enqueue()

    async def handler(_: Job, __: JobContext) -> None:
        raise Unavailable("the embeddings server is away")

    for _ in range(jobs.MAX_ATTEMPTS + 1):
        [job] = await _claim(db, held)
        await jobs.run(db, job, {"test": handler})
        assert await _rows(db) == [("ready", 0, "the embeddings server is away")]
        await _make_due(db)


async def test_a_handed_back_job_has_its_attempt_back(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    [job] = await _claim(db, held)
    await jobs.hand_back(db, job)
    assert await _rows(db) == [("ready", 0, None)]


async def test_a_job_whose_verdict_was_not_stored_is_taken_again_by_its_owner(
    db: Database, held: dict[int, int], enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueue()
    [job] = await _claim(db, held)

    async def handler(_: Job, __: JobContext) -> None:
        raise RuntimeError("no luck")

    async def away(*_: object) -> None:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_failed_once", away)
        with pytest.raises(Unavailable):
            await jobs.run(db, job, {"test": handler})
    assert await _claim(db, held, [job.id]) == []  # as long as it runs here
    assert [again.id for again in await _claim(db, held, [])] == [job.id]


async def test_a_job_asked_for_while_it_runs_runs_once_more(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    tenant = await enqueue()
    runs: list[int] = []

    async def handler(job: Job, _: JobContext) -> None:
        runs.append(job.attempts)
        async with db.tenant_tx(tenant) as conn:
            if len(runs) == 1:
                await jobs.enqueue(conn, tenant_id=tenant, kind="test", key="1")

    for _ in range(2):
        [job] = await _claim(db, held)
        await jobs.run(db, job, {"test": handler})
    assert runs == [1, 1]
    assert await _rows(db) == []


async def test_asking_again_makes_a_waiting_job_due_earlier_but_not_one_that_failed(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    tenant = await enqueue(delay=3600)
    async with db.tenant_tx(tenant) as conn:
        await jobs.enqueue(conn, tenant_id=tenant, kind="test", key="1")

    async def handler(_: Job, __: JobContext) -> None:
        raise RuntimeError("no luck")

    [job] = await _claim(db, held)
    with pytest.raises(RuntimeError):
        await jobs.run(db, job, {"test": handler})
    async with db.tenant_tx(tenant) as conn:
        await jobs.enqueue(conn, tenant_id=tenant, kind="test", key="1")
    assert await _claim(db, held) == []


async def test_a_job_that_kills_its_worker_is_given_up(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    await enqueue()
    for _ in range(jobs.MAX_ATTEMPTS):
        await _claim(db, held)  # and the worker dies
    [job] = await _claim(db, held)

    async def handler(_: Job, __: JobContext) -> None:
        raise AssertionError("it must not run again")

    await jobs.run(db, job, {"test": handler})
    [(state, _, error)] = await _rows(db)
    assert (state, error) == ("failed", "the worker died 5 times while doing this")


async def test_a_cancelled_job_stops_at_its_next_transaction_and_is_tidied_up(
    db: Database, held: dict[int, int], enqueue: Enqueue
) -> None:
    tenant = await enqueue()
    steps: list[str] = []

    async def handler(job: Job, context: JobContext) -> None:
        async with db.tenant_tx(tenant) as conn:
            await joblist.cancel(conn, tenant_id=tenant, job_id=job.id)
        async with context.tx():
            steps.append("went on")

    async def tidy(_: Job, context: JobContext) -> None:
        async with context.tx():
            steps.append("tidied up")

    [job] = await _claim(db, held)
    await jobs.run(db, job, {"test": handler}, {"test": tidy})
    assert steps == ["tidied up"]
    assert await _rows(db) == []


async def test_a_cancelled_job_that_waits_does_not_begin(db: Database, held: dict[int, int], enqueue: Enqueue) -> None:
    tenant = await enqueue(delay=3600)
    async with db.tenant_tx(tenant) as conn:
        [view] = await joblist.list_jobs(conn, tenant_id=tenant)
        await joblist.cancel(conn, tenant_id=tenant, job_id=view.id)
    [job] = await _claim(db, held)
    await jobs.run(db, job, {})
    assert await _rows(db) == []
