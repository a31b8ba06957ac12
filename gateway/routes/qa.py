"""qa: questions with verified answers; they win over documents."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from domain.knowledge import service as knowledge
from domain.knowledge.model import Pair
from gateway.call import Call
from gateway.paging import Page, PageQuery
from gateway.routes.models import Input, changes_of
from gateway.routing import Route


class PairBody(Input):
    """A new pair."""

    question: str = Field(max_length=knowledge.MAX_QUESTION, examples=["How do I return an item?"])
    answer: str = Field(max_length=knowledge.MAX_ANSWER)
    assistant_id: UUID | None = Field(None, description="Not given: every assistant of the workspace knows it.")
    threshold: float | None = Field(None, ge=0, le=1, description="Least cosine; null: the default.")
    enabled: bool = True


class PairChanges(Input):
    """What to change; a field that is not named stays."""

    question: str = Field("", max_length=knowledge.MAX_QUESTION)
    answer: str = Field("", max_length=knowledge.MAX_ANSWER)
    threshold: float | None = Field(None, ge=0, le=1)
    enabled: bool = True


class PairOut(BaseModel):
    """A pair. `embedded` is false until it can be found by meaning."""

    id: UUID
    assistant_id: UUID | None
    question: str
    answer: str
    language: str
    threshold: float | None
    enabled: bool
    embedded: bool
    created_at: datetime
    updated_at: datetime


async def list_pairs(call: Call, query: PageQuery) -> Page[PairOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows, cursor = await knowledge.list_pairs(
            conn, tenant_id=call.member.tenant_id, limit=query.limit, cursor=query.cursor
        )
    return Page(items=[_out(row) for row in rows], next_cursor=cursor)


async def add_pair(call: Call, body: PairBody) -> PairOut:
    """Add one."""
    async with call.tenant_tx() as conn:
        pair = await knowledge.add_pair(conn, tenant_id=call.member.tenant_id, **body.model_dump())
    await call.ring_jobs()
    return _out(pair)


async def get_pair(call: Call, pair_id: UUID) -> PairOut:
    """Read one."""
    async with call.tenant_tx() as conn:
        return _out(await knowledge.get_pair(conn, tenant_id=call.member.tenant_id, pair_id=pair_id))


async def change_pair(call: Call, pair_id: UUID, body: PairChanges) -> PairOut:
    """Change the named fields."""
    async with call.tenant_tx() as conn:
        pair = await knowledge.update_pair(conn, tenant_id=call.member.tenant_id, pair_id=pair_id, **changes_of(body))
    await call.ring_jobs()
    return _out(pair)


async def delete_pair(call: Call, pair_id: UUID) -> None:
    """Delete one."""
    async with call.tenant_tx() as conn:
        await knowledge.delete_pair(conn, tenant_id=call.member.tenant_id, pair_id=pair_id)


def _out(pair: Pair) -> PairOut:
    return PairOut(**{name: getattr(pair, name) for name in PairOut.model_fields})


_TAG = "qa"
_ONE = "/api/qa/{pair_id}"
ROUTES = (
    Route("GET", "/api/qa", list_pairs, "member", _TAG, "List the questions with verified answers, newest first."),
    Route("POST", "/api/qa", add_pair, "owner", _TAG, "Add a question with its answer.", 201),
    Route("GET", _ONE, get_pair, "member", _TAG, "Read a question with its answer."),
    Route("PATCH", _ONE, change_pair, "owner", _TAG, "Change a question with its answer."),
    Route("DELETE", _ONE, delete_pair, "owner", _TAG, "Delete a question with its answer.", 204),
)
