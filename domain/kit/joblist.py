"""Jobs as their tenant sees them: listed, cancelled, tried again. What is done leaves no row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from domain.kit.db import Conn, Row
from domain.kit.errors import Conflict, NotFound

_SHOWN = "id, kind, key, state, attempts, run_at, progress, error, cancelled, created_at"

# A page of a tenant's jobs, newest first.
LIST = f"""
SELECT {_SHOWN} FROM jobs WHERE tenant_id = $1 AND id < $2 AND ($3::text IS NULL OR state = $3)
    AND ($4::text IS NULL OR kind = $4) ORDER BY id DESC LIMIT $5
"""

# One job.
GET = f"SELECT {_SHOWN} FROM jobs WHERE tenant_id = $1 AND id = $2"

# Why the newest job of a kind and key was given up, if it was.
FAILURE_OF = """
SELECT CASE WHEN state = 'failed' THEN error END AS error FROM jobs
WHERE tenant_id = $1 AND kind = $2 AND key = $3 ORDER BY id DESC LIMIT 1
"""

# Asks a job to stop: one that waits is taken at once, to end it properly.
CANCEL = f"""
UPDATE jobs SET cancelled = true, run_at = CASE WHEN state = 'ready' THEN now() ELSE run_at END
WHERE tenant_id = $1 AND id = $2 AND state IN ('ready', 'running') RETURNING {_SHOWN}
"""

# A job that was given up is not wanted any more.
DISCARD = f"DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND state = 'failed' RETURNING {_SHOWN}"

# A failed job starts over from its progress, one that waits is due now; not beside an open one of the same key.
TRY_AGAIN = f"""
UPDATE jobs j SET state = 'ready', attempts = 0, error = NULL, run_at = now()
WHERE j.tenant_id = $1 AND j.id = $2 AND (j.state = 'ready' OR (j.state = 'failed' AND NOT EXISTS (
    SELECT 1 FROM jobs o WHERE o.tenant_id = j.tenant_id AND o.kind = j.kind AND o.key = j.key AND o.id <> j.id
        AND o.state IN ('ready', 'running'))))
RETURNING {_SHOWN}
"""

_ASKED_AGAIN = "The same work was asked for again: see the newer job."


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its tenant sees it. `progress` may have `done` and `total`."""

    id: int
    kind: str
    key: str
    state: Literal["ready", "running", "failed"]
    attempts: int
    run_at: datetime
    progress: dict[str, Any]
    error: str | None
    cancelled: bool
    created_at: datetime


async def list_jobs(
    conn: Conn,
    *,
    tenant_id: UUID,
    before: int | None = None,
    limit: int = 50,
    state: str | None = None,
    kind: str | None = None,
) -> list[JobView]:
    """Open and failed jobs, newest first, with id < before."""
    rows = await conn.fetch(LIST, tenant_id, (1 << 62) if before is None else before, state, kind, limit)
    return [_view(row) for row in rows]


async def get(conn: Conn, *, tenant_id: UUID, job_id: int) -> JobView:
    """One job. Raises NotFound, also for one that is done."""
    return _view(_found(await conn.fetchrow(GET, tenant_id, job_id)))


async def failure_of(conn: Conn, *, tenant_id: UUID, kind: str, key: str) -> str | None:
    """Why the newest job of this kind and key was given up; None if it was not."""
    reason: str | None = await conn.fetchval(FAILURE_OF, tenant_id, kind, key)
    return reason


async def cancel(conn: Conn, *, tenant_id: UUID, job_id: int) -> JobView:
    """Ask a job to stop, or discard one that failed. Ring its slot after the commit. Raises NotFound."""
    row = await conn.fetchrow(CANCEL, tenant_id, job_id) or await conn.fetchrow(DISCARD, tenant_id, job_id)
    return _view(_found(row))


async def retry(conn: Conn, *, tenant_id: UUID, job_id: int) -> JobView:
    """Try a failed job again, or a waiting one now. Ring its slot after the commit. Raises NotFound, Conflict."""
    try:
        row = await conn.fetchrow(TRY_AGAIN, tenant_id, job_id)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(_ASKED_AGAIN) from error
    if row is None:
        found = await get(conn, tenant_id=tenant_id, job_id=job_id)
        running = found.state == "running"
        raise Conflict("The job is running." if running else _ASKED_AGAIN)
    return _view(row)


def _view(row: Row) -> JobView:
    return JobView(**{name: row[name] for name in JobView.__slots__})


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("There is no such job; one that is done leaves no record.")
    return row
