"""Sends that a person sends again, or dismisses; the caller holds the dialog's lock, so two clicks are one."""

from uuid import UUID

from domain.kit.db import Conn
from domain.outbox import again_queries as queries


async def send_again(conn: Conn, *, tenant_id: UUID, message_id: UUID) -> int | None:
    """Queue the failed and uncertain parts of a message anew; returns their slot, to ring; None if there are none."""
    rows = await conn.fetch(queries.SEND_AGAIN, tenant_id, message_id)
    return rows[0]["slot"] if rows else None


async def dismiss(conn: Conn, *, tenant_id: UUID, message_id: UUID) -> bool:
    """Take a message's failed and uncertain parts off the list; whether there were any."""
    return bool(await conn.fetch(queries.DISMISS, tenant_id, message_id))
