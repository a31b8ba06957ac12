"""jobs: background work of the workspace that waits, runs, or was given up."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from domain.broadcasts.service import RUN as BROADCAST
from domain.kit import joblist
from domain.kit.errors import Conflict
from domain.kit.joblist import JobView
from gateway.call import Call
from gateway.paging import Page, PageQuery, decode_number
from gateway.routing import Route


class JobOut(BaseModel):
    """A piece of background work. One that is done leaves no record."""

    id: int
    kind: str
    key: str = Field(description="What it is about: the id of a document, a broadcast, ...")
    state: Literal["ready", "running", "failed"]
    attempts: int
    run_at: datetime = Field(description="When it is due.")
    progress: dict[str, Any]
    error: str | None = Field(description="Why it was given up, or is tried again.")
    cancelled: bool = Field(description="It was asked to stop, and will.")
    created_at: datetime


class JobsQuery(PageQuery):
    """Which jobs."""

    state: Literal["ready", "running", "failed"] | None = None
    kind: str | None = Field(None, max_length=100)


async def list_jobs(call: Call, query: JobsQuery) -> Page[JobOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows = await joblist.list_jobs(
            conn,
            tenant_id=call.member.tenant_id,
            before=None if query.cursor is None else decode_number(query.cursor),
            limit=query.limit + 1,
            state=query.state,
            kind=query.kind,
        )
    items = [_out(row) for row in rows[: query.limit]]
    return Page(items=items, next_cursor=str(items[-1].id) if len(rows) > query.limit else None)


async def get_job(call: Call, job_id: int) -> JobOut:
    """Until it is done."""
    async with call.tenant_tx() as conn:
        return _out(await joblist.get(conn, tenant_id=call.member.tenant_id, job_id=job_id))


async def retry_job(call: Call, job_id: int) -> JobOut:
    """It goes on from its progress; one that waits is due now."""
    async with call.tenant_tx() as conn:
        again = await joblist.retry(conn, tenant_id=call.member.tenant_id, job_id=job_id)
    await call.ring_jobs()
    return _out(again)


async def cancel_job(call: Call, job_id: int) -> JobOut:
    """It ends at its next step; one that failed is discarded."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        found = await joblist.get(conn, tenant_id=tenant_id, job_id=job_id)
        if found.kind == BROADCAST:
            raise Conflict("Pause or cancel the broadcast itself.")
        cancelled = await joblist.cancel(conn, tenant_id=tenant_id, job_id=job_id)
    await call.ring_jobs()
    return _out(cancelled)


def _out(job: JobView) -> JobOut:
    return JobOut(**{name: getattr(job, name) for name in JobOut.model_fields})


_TAG = "jobs"
_ONE = "/api/jobs/{job_id}"
ROUTES = (
    Route("GET", "/api/jobs", list_jobs, "member", _TAG, "List background work that waits, runs or failed."),
    Route("GET", _ONE, get_job, "member", _TAG, "Read a job."),
    Route("POST", f"{_ONE}/retry", retry_job, "owner", _TAG, "Try a failed job again."),
    Route("POST", f"{_ONE}/cancel", cancel_job, "owner", _TAG, "Ask a job to stop."),
)
