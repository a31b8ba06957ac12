"""Use cases of handoffs; each runs inside the caller's transaction and publishes nothing."""

from collections.abc import Sequence
from uuid import UUID

from domain.handoff import queries
from domain.handoff.model import Handoff, HandoffRequest
from domain.kit.db import Conn
from domain.kit.errors import bad_cursor
from domain.kit.ids import uuid7

MAX_PAGE = 100


async def request_many(conn: Conn, items: Sequence[HandoffRequest]) -> list[bool]:
    """Ask for a person in many dialogs at once; for each item, in order, whether it opened a new request.

    A dialog with an open request, and the second item of the same dialog, open nothing.
    """
    if not items:
        return []
    keyed = [(uuid7(), item) for item in items]
    # One order for all writers, so that two batches never wait for each other in a ring.
    opened = await queries.insert_many(conn, sorted(keyed, key=lambda row: (row[1].tenant_id, row[1].dialog_id)))
    return [row_id in opened for row_id, _ in keyed]


async def request(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, reason: str, summary: str = "") -> bool:
    """Ask for a person; True if that opened a new request."""
    [opened] = await request_many(conn, [HandoffRequest(tenant_id, dialog_id, reason, summary)])
    return opened


async def activate(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> bool:
    """An operator answers now; False if nothing was waiting (they stepped in unasked, or already had it)."""
    return await queries.update_active(conn, tenant_id=tenant_id, dialog_id=dialog_id)


async def resolve(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> bool:
    """The dialog goes back to the assistant; False if no request was open."""
    return await queries.update_resolved(conn, tenant_id=tenant_id, dialog_id=dialog_id)


async def open_of(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> Handoff | None:
    """The dialog's open request, if there is one."""
    return await queries.fetch_open_of(conn, tenant_id=tenant_id, dialog_id=dialog_id)


async def list_open(
    conn: Conn, *, tenant_id: UUID, limit: int = 50, cursor: str | None = None
) -> tuple[list[Handoff], str | None]:
    """A page of open requests, the longest waiting first, and the cursor of the next page.

    Raises Invalid for a cursor that is not one of ours.
    """
    try:
        after = UUID(cursor) if cursor else None
    except ValueError:
        raise bad_cursor() from None
    limit = min(max(limit, 1), MAX_PAGE)
    found = await queries.fetch_open(conn, tenant_id=tenant_id, after=after, limit=limit + 1)
    page = found[:limit]
    return page, str(page[-1].id) if len(found) > limit else None
