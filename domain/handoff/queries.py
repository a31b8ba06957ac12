"""SQL of handoffs. The index `handoffs_open` allows one open row a dialog; the statements lean on it."""

from collections.abc import Sequence
from uuid import UUID

from domain.handoff.model import Handoff, HandoffRequest
from domain.kit.db import Conn, Row

_COLUMNS = "tenant_id, id, dialog_id, reason, summary, state, created_at, resolved_at"

# Opens requests for dialogs that have none open; returns those that were opened.
INSERT_MANY = """
INSERT INTO handoffs (tenant_id, id, dialog_id, reason, summary)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
ON CONFLICT (tenant_id, dialog_id) WHERE state <> 'resolved' DO NOTHING
RETURNING id
"""

# A person answers: the request no longer waits.
UPDATE_ACTIVE = """
UPDATE handoffs SET state = 'active' WHERE tenant_id = $1 AND dialog_id = $2 AND state = 'requested' RETURNING id
"""

# The request is over.
UPDATE_RESOLVED = """
UPDATE handoffs SET state = 'resolved', resolved_at = now()
WHERE tenant_id = $1 AND dialog_id = $2 AND state <> 'resolved' RETURNING id
"""

# The open requests of a tenant, the one that waits longest first; ids sort by time.
FETCH_OPEN = f"""
SELECT {_COLUMNS} FROM handoffs
WHERE tenant_id = $1 AND state <> 'resolved' AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""

# The open request of one dialog.
FETCH_OPEN_OF = f"SELECT {_COLUMNS} FROM handoffs WHERE tenant_id = $1 AND dialog_id = $2 AND state <> 'resolved'"


async def insert_many(conn: Conn, rows: Sequence[tuple[UUID, HandoffRequest]]) -> set[UUID]:
    """Insert requests under the given ids; returns the ids of those that were opened."""
    found = await conn.fetch(
        INSERT_MANY,
        [request.tenant_id for _, request in rows],
        [row_id for row_id, _ in rows],
        [request.dialog_id for _, request in rows],
        [request.reason for _, request in rows],
        [request.summary for _, request in rows],
    )
    return {row["id"] for row in found}


async def update_active(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> bool:
    """True if a waiting request became active."""
    return await conn.fetchval(UPDATE_ACTIVE, tenant_id, dialog_id) is not None


async def update_resolved(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> bool:
    """True if an open request was resolved."""
    return await conn.fetchval(UPDATE_RESOLVED, tenant_id, dialog_id) is not None


async def fetch_open(conn: Conn, *, tenant_id: UUID, after: UUID | None, limit: int) -> list[Handoff]:
    """Open requests behind `after`, oldest first."""
    return [_handoff(row) for row in await conn.fetch(FETCH_OPEN, tenant_id, after, limit)]


async def fetch_open_of(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> Handoff | None:
    """The open request of a dialog, if there is one."""
    row = await conn.fetchrow(FETCH_OPEN_OF, tenant_id, dialog_id)
    return None if row is None else _handoff(row)


def _handoff(row: Row) -> Handoff:
    return Handoff(**dict(row))
