"""The steps of a send's life. Every function runs in the owner's fenced transaction."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from domain.kit.db import Conn
from domain.outbox import queries
from domain.outbox.model import OutboxDraft, OutboxRow
from domain.outbox.queries import OutcomeRow, RecentSend

__all__ = [
    "OutcomeRow",
    "RecentSend",
    "change_send",
    "count_open",
    "delivery_of",
    "enqueue",
    "fail_rest",
    "fetch_not_begun",
    "fetch_orphans",
    "fetch_ready",
    "fetch_recent",
    "find_message",
    "forget_old",
    "mark_outcomes",
    "mark_sending",
    "move_chat",
    "pause",
    "resume",
    "withdraw",
]

Settled = Literal["sent", "failed", "uncertain"]

fetch_ready = queries.fetch_ready
fetch_orphans = queries.fetch_orphans
fetch_recent = queries.fetch_recent
mark_sending = queries.mark_sending
mark_outcomes = queries.mark_outcomes


async def forget_old(conn: Conn, *, limit: int) -> int:
    """Delete up to `limit` sends that were settled three days ago; returns how many went."""
    return int((await conn.execute(queries.DELETE_OLD, limit)).rpartition(" ")[2])


async def enqueue(conn: Conn, drafts: Sequence[OutboxDraft]) -> list[OutboxRow]:
    """Commit sends together with the messages they carry."""
    return await queries.insert_many(conn, drafts) if drafts else []


async def fail_rest(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID], reason: str) -> set[int]:
    """Give up the unsent parts of these messages; returns the rows' ids."""
    return {row["id"] for row in await conn.fetch(queries.FAIL_REST, tenant_id, message_ids, reason)}


async def pause(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID]) -> None:
    """Keep the sends of these messages that have not begun from beginning; needs no ownership of their slot."""
    await conn.execute(queries.PAUSE, tenant_id, message_ids)


async def resume(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID]) -> None:
    """Let paused sends go; ring the outbox bell of their slot after the commit."""
    await conn.execute(queries.RESUME, tenant_id, message_ids)


async def fetch_not_begun(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID], limit: int) -> list[UUID]:
    """Which of these messages wait to be sent, `limit` of them at most."""
    rows = await conn.fetch(queries.FETCH_NOT_BEGUN, tenant_id, message_ids, limit)
    return [row["message_id"] for row in rows]


async def withdraw(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID]) -> set[UUID]:
    """Take back the sends that have not begun; returns their messages, whose delivery the caller sets."""
    return {row["message_id"] for row in await conn.fetch(queries.WITHDRAW, tenant_id, message_ids)}


async def count_open(conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID]) -> int:
    """How many sends of these messages are ready or on the wire."""
    found: int = await conn.fetchval(queries.COUNT_OPEN, tenant_id, message_ids)
    return found


async def move_chat(conn: Conn, *, tenant_id: UUID, bot_id: int, old: int, new: int) -> None:
    """A group became a supergroup: what waits for the old id goes to the new one."""
    await conn.execute(queries.MOVE_CHAT, tenant_id, bot_id, old, new)


async def find_message(
    conn: Conn, *, tenant_id: UUID, message_ids: Sequence[UUID], telegram_message_id: int
) -> UUID | None:
    """Which of these messages was sent as Telegram's `telegram_message_id`, if one was lately."""
    found: UUID | None = await conn.fetchval(queries.FIND_MESSAGE, tenant_id, message_ids, telegram_message_id)
    return found


async def change_send(conn: Conn, *, tenant_id: UUID, row_id: int, method: str, payload: dict[str, object]) -> None:
    """Replace what will be sent."""
    await conn.execute(queries.CHANGE_SEND, tenant_id, row_id, method, payload)


async def delivery_of(conn: Conn, messages: Sequence[tuple[UUID, UUID]]) -> dict[UUID, tuple[Settled, str | None]]:
    """The delivery of (tenant, message) pairs whose parts are all settled: message -> (state, detail)."""
    rows = await conn.fetch(queries.DELIVERY_OF, [tenant for tenant, _ in messages], [m for _, m in messages])
    result: dict[UUID, tuple[Settled, str | None]] = {}
    for row in rows:
        if row["failed"]:
            result[row["message_id"]] = ("failed", row["error"])
        elif row["uncertain"]:
            result[row["message_id"]] = ("uncertain", "Telegram did not say whether it arrived.")
        elif row["sent"]:
            twice = "It may have arrived twice." if row["resends"] else None
            result[row["message_id"]] = ("sent", twice)
    return result
