"""Background work as rows: `jobs(kind, key, slot, run_at, attempts, epoch, progress)`.

A job is enqueued in its caller's transaction, run by the owner of its tenant's slot, resumed from `progress` after a
crash, and fenced like every other write of a shard. PgQueuer and procrastinate were looked at: both fetch with SKIP
LOCKED over one queue and know no slots or epochs, which is all there is to write here (ADR-0008).

Verdicts of a handler: it returns (done), raises GiveUp (failed), Later (a step of a long work; the next one is due in
`seconds`), Unavailable (again later, without counting), or anything else (again with a growing pause, MAX_ATTEMPTS
times). `schedules.py` enqueues by the clock, `joblist.py` is for people.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.kit.db import Conn, Database, Row
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.fencing import lost_slots
from domain.kit.slots import slot_of

MAX_ATTEMPTS = 5
AWAY_DELAY = 10.0  # seconds until a job is tried again whose server was away

# One open job per kind and key. Asking again while it waits changes nothing, but it may become due earlier; asking
# while it runs lets it run once more: what it has read already may be older than what the asking transaction wrote.
ENQUEUE = """
INSERT INTO jobs AS j (tenant_id, kind, key, slot, payload, run_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
ON CONFLICT (tenant_id, kind, key) WHERE state IN ('ready', 'running') DO UPDATE
    SET again = j.again OR j.state = 'running',
        run_at = CASE WHEN j.state = 'ready' AND j.attempts = 0 THEN least(j.run_at, excluded.run_at) ELSE j.run_at END
"""

# Takes what is due in the owned slots: ready, or running under an epoch that is over (its owner died), or running here
# as far as the row knows, but not in truth (its verdict could not be stored). Tenants take turns: the first job of
# each before the second of any, those that run already ($4) counted. $5 are kinds: only these ($6), or all but these.
CLAIM = """
WITH held AS (
    SELECT o.slot, o.epoch FROM unnest($1::smallint[], $2::bigint[]) AS o (slot, epoch)
    JOIN slot_owners s ON s.slot = o.slot AND s.epoch = o.epoch),
busy AS (SELECT tenant_id, count(*) AS n FROM jobs WHERE id = ANY($4::bigint[]) GROUP BY tenant_id),
due AS (
    SELECT d.id, d.run_at,
        row_number() OVER (PARTITION BY d.tenant_id ORDER BY d.run_at, d.id) + coalesce(b.n, 0) AS turn
    FROM jobs d JOIN held h ON h.slot = d.slot LEFT JOIN busy b ON b.tenant_id = d.tenant_id
    WHERE d.run_at <= now() AND (d.kind = ANY($5::text[])) = $6
        AND (d.state = 'ready' OR (d.state = 'running' AND (d.epoch < h.epoch OR NOT d.id = ANY($4::bigint[])))))
UPDATE jobs j SET state = 'running', attempts = j.attempts + 1, epoch = held.epoch
FROM held
WHERE held.slot = j.slot AND j.id IN (SELECT id FROM due WHERE turn <= $7 ORDER BY turn, run_at, id LIMIT $3)
    AND (j.state = 'ready' OR (j.state = 'running' AND (j.epoch < held.epoch OR NOT j.id = ANY($4::bigint[]))))
RETURNING j.tenant_id, j.id, j.kind, j.key, j.slot, j.epoch, j.payload, j.progress, j.attempts, j.cancelled
"""

# Whether somebody wants it to stop.
IS_CANCELLED = "SELECT cancelled FROM jobs WHERE tenant_id = $1 AND id = $2"

# Where to resume.
SAVE_PROGRESS = "UPDATE jobs SET progress = $3 WHERE tenant_id = $1 AND id = $2"

# A finished job leaves no row, unless it was asked for again while it ran.
FINISH = """
WITH gone AS (DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND (cancelled OR NOT again) RETURNING id)
UPDATE jobs SET state = 'ready', again = false, attempts = 0, run_at = now(), progress = '{}', error = NULL
WHERE tenant_id = $1 AND id = $2 AND id NOT IN (SELECT id FROM gone)
"""

# One step of a long work is done; the next is due later.
STEP_DONE = """
UPDATE jobs SET state = 'ready', again = false, attempts = 0, error = NULL,
    run_at = now() + make_interval(secs => CASE WHEN again THEN 0 ELSE $3 END)
WHERE tenant_id = $1 AND id = $2 AND state = 'running'
"""

# Back to ready, later; the reason is kept for whoever looks.
RETRY = """
UPDATE jobs SET state = 'ready', run_at = now() + make_interval(secs => $3), error = $4,
    attempts = attempts - $5::int
WHERE tenant_id = $1 AND id = $2 AND state = 'running'
"""

# Given up, with its reason.
FAIL = "UPDATE jobs SET state = 'failed', error = $3 WHERE tenant_id = $1 AND id = $2"

# Failed jobs that nobody tried again for 30 days, a batch at a time.
DELETE_OLD = """
DELETE FROM jobs WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM jobs WHERE state = 'failed' AND run_at < now() - interval '30 days' LIMIT $1))
"""


class GiveUp(Exception):
    """The job cannot succeed; trying again would not help. The message is the reason."""


class Later(Exception):
    """A step is done, the next one is due in `seconds`; attempts start over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class Cancelled(Exception):
    """Somebody asked the job to stop: raised by its next transaction, not to be caught by handlers."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `progress` is what the last attempt saved; `attempts` counts this one."""

    tenant_id: UUID
    id: int
    kind: str
    key: str
    slot: int
    epoch: int
    payload: dict[str, Any]
    progress: dict[str, Any]
    attempts: int
    cancelled: bool = False


@dataclass(slots=True)
class JobContext:
    """What a handler may do: fenced transactions, progress."""

    db: Database
    job: Job
    saved: dict[str, Any] = field(default_factory=dict)
    ending: bool = False

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Conn]:
        """A worker transaction that commits only while the job's slot is ours.

        Raises LostOwnership when it is not, and Cancelled when somebody asked the job to stop.
        """
        async with self.db.worker_tx() as conn:
            if await lost_slots(conn, {self.job.slot: self.job.epoch}):
                raise LostOwnership(f"slot {self.job.slot} moved on")
            if not self.ending and await conn.fetchval(IS_CANCELLED, self.job.tenant_id, self.job.id):
                raise Cancelled(f"job {self.job.id} was cancelled")
            yield conn

    @asynccontextmanager
    async def verdict(self) -> AsyncIterator[Conn]:
        """The same for the end of the job, which takes place even if it was cancelled meanwhile."""
        self.ending = True
        async with self.tx() as conn:
            yield conn

    async def save_progress(self, conn: Conn, progress: dict[str, Any]) -> None:
        """Remember where to resume, in the same transaction as the work it describes."""
        self.saved = progress
        await conn.execute(SAVE_PROGRESS, self.job.tenant_id, self.job.id, progress)


Handler = Callable[[Job, JobContext], Awaitable[None]]


async def enqueue(
    conn: Conn, *, tenant_id: UUID, kind: str, key: str, payload: dict[str, Any] | None = None, delay: float = 0
) -> int:
    """Add a job (once per kind and key while one is open), due in `delay` seconds; returns its slot, to ring."""
    slot = slot_of(tenant_id)
    await conn.execute(ENQUEUE, tenant_id, kind, key, slot, payload or {}, delay)
    return slot


async def claim(
    conn: Conn,
    *,
    held: Mapping[int, int],
    limit: int,
    running: Iterable[int] = (),
    kinds: Sequence[str] = (),
    among: bool = False,
    per_tenant: int | None = None,
) -> list[Job]:
    """Take up to `limit` due jobs of the held slots (slot -> epoch), tenants in turn, `per_tenant` of each at most.

    `running` are the ids this process works on; `among` takes only `kinds`, otherwise all but them.
    """
    slots = sorted(held)
    cap = limit + 1_000 if per_tenant is None else per_tenant
    rows = await conn.fetch(
        CLAIM, slots, [held[slot] for slot in slots], limit, sorted(running), list(kinds), among, cap
    )
    return sorted((_job(row) for row in rows), key=lambda job: job.id)


async def run(
    db: Database, job: Job, handlers: Mapping[str, Handler], cancelled: Mapping[str, Handler] | None = None
) -> float | None:
    """Run one claimed job to its verdict: gone, ready again later, or failed. LostOwnership leaves it to the owner.

    `cancelled` are handlers that tidy up after a cancelled job, by kind. Returns in how many seconds the next step is
    due, if there is one.
    """
    context = JobContext(db, job)
    try:
        await _work(job, context, handlers)
        async with context.verdict() as conn:
            await conn.execute(FINISH, job.tenant_id, job.id)
    except LostOwnership:
        return None
    except Later as later:
        async with context.verdict() as conn:
            await conn.execute(STEP_DONE, job.tenant_id, job.id, later.seconds)
        return later.seconds
    except Cancelled:
        await _tidy(job, context, cancelled or {})
    except GiveUp as error:
        async with context.verdict() as conn:
            await conn.execute(FAIL, job.tenant_id, job.id, str(error))
    except Unavailable as error:
        # What it needs is away: that is not the job's fault and uses up no attempt.
        async with context.verdict() as conn:
            await conn.execute(RETRY, job.tenant_id, job.id, AWAY_DELAY, error.detail, 1)
    except Exception as error:
        await _failed_once(context, error)
        raise
    return None


async def hand_back(db: Database, job: Job) -> None:
    """Put an interrupted job back for the next owner; the attempt does not count."""
    async with JobContext(db, job).verdict() as conn:
        await conn.execute(RETRY, job.tenant_id, job.id, 0.0, None, 1)


async def forget_old(conn: Conn, *, limit: int) -> int:
    """Delete up to `limit` jobs that failed 30 days ago; returns how many went."""
    return int((await conn.execute(DELETE_OLD, limit)).rpartition(" ")[2])


async def _work(job: Job, context: JobContext, handlers: Mapping[str, Handler]) -> None:
    if job.cancelled:
        raise Cancelled(f"job {job.id} was cancelled")
    if job.attempts > MAX_ATTEMPTS:
        raise GiveUp(f"the worker died {MAX_ATTEMPTS} times while doing this")
    handler = handlers.get(job.kind)
    if handler is None:
        raise GiveUp(f"this version knows no job of kind {job.kind}")
    await handler(job, context)


async def _tidy(job: Job, context: JobContext, cancelled: Mapping[str, Handler]) -> None:
    context.ending = True
    try:
        if handler := cancelled.get(job.kind):
            await handler(job, context)
        async with context.verdict() as conn:
            await conn.execute(FINISH, job.tenant_id, job.id)
    except LostOwnership:
        return


async def _failed_once(context: JobContext, error: Exception) -> None:
    job = context.job
    async with context.verdict() as conn:
        if job.attempts >= MAX_ATTEMPTS:
            await conn.execute(FAIL, job.tenant_id, job.id, repr(error))
        else:
            await conn.execute(RETRY, job.tenant_id, job.id, float(2**job.attempts), repr(error), 0)


def _job(row: Row) -> Job:
    return Job(**{name: row[name] for name in Job.__slots__})
