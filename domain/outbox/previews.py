"""Previews: real messages that show an answer while it grows, where Telegram takes no drafts.

A preview is a send like any other, but of no message in its dialog. Its turn's commit ends it: the answer is then an
edit of it, or, if it is not known to be there, a message of its own; a preview that was of no use is deleted.
"""

from collections.abc import Iterable
from uuid import UUID

from domain.kit.db import Conn
from domain.kit.records import record
from domain.outbox import preview_queries as queries
from domain.outbox.model import OutboxDraft


@record(frozen=True, slots=True)
class Preview:
    """A preview; `inbox_id` is the row whose answer it shows."""

    id: int
    tenant_id: UUID
    dialog_id: UUID
    bot_id: int
    chat_id: int
    state: str
    telegram_message_id: int | None
    inbox_id: int


async def begin(conn: Conn, draft: OutboxDraft, *, inbox_id: int) -> bool:
    """Let a preview be sent; False if the dialog has one. The caller holds the inbox row: its turn has not ended."""
    return bool(
        await conn.fetch(
            queries.INSERT,
            draft.tenant_id,
            draft.slot,
            draft.bot_id,
            draft.dialog_id,
            draft.message_id,
            draft.chat_id,
            draft.method,
            draft.payload,
            inbox_id,
        )
    )


async def find(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> Preview | None:
    """The dialog's preview whose turn has not ended."""
    rows = await conn.fetch(queries.FETCH, tenant_id, dialog_id)
    return Preview(**rows[0]) if rows else None


async def end(conn: Conn, dialogs: Iterable[tuple[UUID, UUID]]) -> list[Preview]:
    """The turns of (tenant, dialog) are over; returns their previews, to be edited or removed."""
    given = list(dialogs)
    rows = await conn.fetch(queries.END, [tenant for tenant, _ in given], [dialog for _, dialog in given])
    return [Preview(**row) for row in rows]


async def end_of_row(conn: Conn, *, tenant_id: UUID, inbox_id: int) -> None:
    """A row of the inbox gets no answer: its preview is removed."""
    rows = await conn.fetch(queries.END_OF_ROW, tenant_id, inbox_id)
    await remove(conn, [(row["tenant_id"], row["id"]) for row in rows])


async def remove(conn: Conn, previews: Iterable[tuple[UUID, int]]) -> None:
    """Queue the deletion of (tenant, id) that ended; of those on the wire it follows their outcome (`settle`)."""
    given = list(previews)
    if given:
        await conn.execute(queries.REMOVE, [tenant for tenant, _ in given], [row_id for _, row_id in given])


async def settle(conn: Conn, previews: Iterable[tuple[UUID, int]]) -> None:
    """The outcome of (tenant, id) was just stored: those whose turn ended meanwhile are of no use."""
    given = list(previews)
    if given:
        await conn.execute(queries.SETTLE, [tenant for tenant, _ in given], [row_id for _, row_id in given])
        await remove(conn, given)
