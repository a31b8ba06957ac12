"""Background work as rows: `jobs(kind, key, slot, run_at, attempts, epoch, progress)`.

A job is enqueued in its caller's transaction, run by the owner of its tenant's slot, resumed from `progress` after a
crash, and fenced like every other write of a shard. PgQueuer and procrastinate were looked at: both fetch with SKIP
LOCKED over one queue and know no slots or epochs, which is all there is to write here (ADR-0008).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
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

# One open job per kind and key: asking again while it waits or runs changes nothing.
ENQUEUE = """
INSERT INTO jobs (tenant_id, kind, key, slot, payload, run_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
ON CONFLICT (tenant_id, kind, key) WHERE state IN ('ready', 'running') DO NOTHING
"""

# Takes what is due in the owned slots: ready, or running under an epoch that is over (its owner died), or running here
# as far as the row knows, but not in truth (its verdict could not be stored).
CLAIM = """
UPDATE jobs j SET state = 'running', attempts = j.attempts + 1, epoch = held.epoch
FROM (SELECT o.slot, o.epoch FROM unnest($1::smallint[], $2::bigint[]) AS o (slot, epoch)
      JOIN slot_owners s ON s.slot = o.slot AND s.epoch = o.epoch) held
WHERE j.id IN (
    SELECT d.id FROM jobs d
    JOIN unnest($1::smallint[], $2::bigint[]) AS m (slot, epoch) ON m.slot = d.slot
    WHERE d.run_at <= now()
        AND (d.state = 'ready' OR (d.state = 'running' AND (d.epoch < m.epoch OR NOT d.id = ANY($4::bigint[]))))
    ORDER BY d.run_at LIMIT $3 FOR NO KEY UPDATE OF d SKIP LOCKED)
  AND held.slot = j.slot
RETURNING j.tenant_id, j.id, j.kind, j.key, j.slot, j.epoch, j.payload, j.progress, j.attempts
"""

# Where to resume.
SAVE_PROGRESS = "UPDATE jobs SET progress = $3 WHERE tenant_id = $1 AND id = $2"

# A finished job leaves no row.
FINISH = "DELETE FROM jobs WHERE tenant_id = $1 AND id = $2"

# Back to ready, later; the reason is kept for whoever looks.
RETRY = """
UPDATE jobs SET state = 'ready', run_at = now() + make_interval(secs => $3), error = $4,
    attempts = attempts - $5::int
WHERE tenant_id = $1 AND id = $2 AND state = 'running'
"""

# Given up, with its reason.
FAIL = "UPDATE jobs SET state = 'failed', error = $3 WHERE tenant_id = $1 AND id = $2"


class GiveUp(Exception):
    """The job cannot succeed; trying again would not help. The message is the reason."""


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


@dataclass(slots=True)
class JobContext:
    """What a handler may do: fenced transactions, progress."""

    db: Database
    job: Job
    saved: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Conn]:
        """A worker transaction that commits only while the job's slot is ours. Raises LostOwnership otherwise."""
        async with self.db.worker_tx() as conn:
            if await lost_slots(conn, {self.job.slot: self.job.epoch}):
                raise LostOwnership(f"slot {self.job.slot} moved on")
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


async def claim(conn: Conn, *, held: Mapping[int, int], limit: int, running: Iterable[int] = ()) -> list[Job]:
    """Take up to `limit` due jobs of the held slots (slot -> epoch); `running` are the ids this process works on."""
    slots = sorted(held)
    rows = await conn.fetch(CLAIM, slots, [held[slot] for slot in slots], limit, sorted(running))
    return [_job(row) for row in rows]


async def run(db: Database, job: Job, handlers: Mapping[str, Handler]) -> None:
    """Run one claimed job to its verdict: gone, ready again later, or failed. LostOwnership leaves it to the owner."""
    context = JobContext(db, job)
    try:
        handler = handlers.get(job.kind)
        if handler is None:
            raise GiveUp(f"this version knows no job of kind {job.kind}")
        await handler(job, context)
        async with context.tx() as conn:
            await conn.execute(FINISH, job.tenant_id, job.id)
    except LostOwnership:
        return
    except GiveUp as error:
        async with context.tx() as conn:
            await conn.execute(FAIL, job.tenant_id, job.id, str(error))
    except Unavailable as error:
        # What it needs is away: that is not the job's fault and uses up no attempt.
        async with context.tx() as conn:
            await conn.execute(RETRY, job.tenant_id, job.id, AWAY_DELAY, error.detail, 1)
    except Exception as error:
        await _failed_once(context, error)
        raise


async def hand_back(db: Database, job: Job) -> None:
    """Put an interrupted job back for the next owner; the attempt does not count."""
    async with JobContext(db, job).tx() as conn:
        await conn.execute(RETRY, job.tenant_id, job.id, 0.0, None, 1)


async def _failed_once(context: JobContext, error: Exception) -> None:
    job = context.job
    async with context.tx() as conn:
        if job.attempts >= MAX_ATTEMPTS:
            await conn.execute(FAIL, job.tenant_id, job.id, repr(error))
        else:
            await conn.execute(RETRY, job.tenant_id, job.id, float(2**job.attempts), repr(error), 0)


def _job(row: Row) -> Job:
    return Job(**{name: row[name] for name in Job.__slots__})
