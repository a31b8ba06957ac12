"""handoffs: who waits for a person."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from domain.handoff import Handoff
from domain.handoff import service as handoff
from gateway.call import Call
from gateway.paging import Page, PageQuery
from gateway.routing import Route


class HandoffOut(BaseModel):
    """A request for a person."""

    id: UUID
    dialog_id: UUID
    reason: str = Field(description="asked, unknown (nothing found to answer with) or model_failed.")
    summary: str
    state: str = Field(description="requested or active.")
    created_at: datetime


async def list_handoffs(call: Call, query: PageQuery) -> Page[HandoffOut]:
    """The open ones, the longest waiting first."""
    async with call.tenant_tx() as conn:
        rows, cursor = await handoff.list_open(
            conn, tenant_id=call.member.tenant_id, limit=query.limit, cursor=query.cursor
        )
    return Page(items=[_out(row) for row in rows], next_cursor=cursor)


def _out(row: Handoff) -> HandoffOut:
    return HandoffOut(**{name: getattr(row, name) for name in HandoffOut.model_fields})


ROUTES = (
    Route("GET", "/api/handoffs", list_handoffs, "member", "handoffs", "List open requests, longest waiting first."),
)
