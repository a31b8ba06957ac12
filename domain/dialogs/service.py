"""Use cases of dialogs for people: list, read, reply, take over, close. Reads are the tenant's; writes are fenced by
the dialog's row lock, which a turn's commit takes too."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.bots import rendering
from domain.bots.addresses import Address
from domain.bus import DialogEvent
from domain.dialogs import changes, queries
from domain.dialogs.log import DialogLog
from domain.dialogs.model import Dialog, Event, LockedDialog, MessageDraft, Mode, Status
from domain.kit.db import Conn
from domain.kit.errors import Conflict, Invalid, NotFound
from domain.kit.ids import uuid7
from domain.outbox import OutboxDraft
from domain.outbox import service as outbox

REPLY_MAX = 4000  # characters


async def list_dialogs(
    conn: Conn,
    *,
    tenant_id: UUID,
    status: Status | None = None,
    mode: Mode | None = None,
    search: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Dialog]:
    """A page, most recent first, older than the `before` cursor."""
    at, last = before or (None, None)
    pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") if search else None
    rows = await conn.fetch(queries.LIST_DIALOGS, tenant_id, status, mode, pattern, at, last, limit)
    return [queries.dialog(row) for row in rows]


async def get_dialog(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> Dialog:
    """One dialog. Raises NotFound."""
    row = await conn.fetchrow(queries.GET_DIALOG, tenant_id, dialog_id)
    if row is None:
        raise NotFound("There is no such dialog.")
    return queries.dialog(row)


async def find_dialogs(conn: Conn, dialogs: Iterable[tuple[UUID, UUID]]) -> dict[UUID, Dialog]:
    """(tenant, dialog) pairs as dialogs, by id; those that do not exist are missing."""
    pairs = sorted(set(dialogs))
    rows = await conn.fetch(queries.GET_DIALOGS, [t for t, _ in pairs], [d for _, d in pairs])
    return {row["id"]: queries.dialog(row) for row in rows}


async def list_messages(
    conn: Conn, *, tenant_id: UUID, dialog_id: UUID, after: int = 0, limit: int = 100, receipts: bool = False
) -> list[dict[str, Any]]:
    """Messages with seq > after, oldest first, in the API's shape; `receipts` adds how each answer came about."""
    rows = await conn.fetch(queries.LIST_MESSAGES, tenant_id, dialog_id, after, limit)
    return [queries.message_json(row) | ({"receipt": row["receipt"]} if receipts else {}) for row in rows]


async def latest_messages(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, limit: int = 100) -> list[dict[str, Any]]:
    """The newest messages, oldest first."""
    rows = await conn.fetch(queries.LATEST_MESSAGES, tenant_id, dialog_id, limit)
    return [queries.message_json(row) for row in reversed(rows)]


async def events_since(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, after: int, limit: int = 500) -> list[Event]:
    """The dialog's log after a seq, in order: what a client missed. Shorter than `limit` means that is all."""
    rows = await conn.fetch(queries.LIST_LOG, tenant_id, dialog_id, after, limit)
    return [queries.event(row) for row in rows]


async def last_seqs(conn: Conn, *, tenant_id: UUID, dialog_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last seq of each of these dialogs that exists."""
    rows = await conn.fetch(queries.LAST_SEQS, tenant_id, dialog_ids)
    return {row["id"]: row["last_seq"] for row in rows}


async def history(
    conn: Conn, *, tenant_id: UUID, dialog_id: UUID, asked: Sequence[int], limit: int
) -> list[tuple[str, str]]:
    """(role, text) of what was said before the messages with the seqs `asked` are answered, oldest first."""
    rows = await conn.fetch(queries.RECENT_MESSAGES, tenant_id, dialog_id, asked, limit)
    return [(row["role"], row["text"]) for row in reversed(rows)]


async def reply_as_operator(
    conn: Conn, *, tenant_id: UUID, dialog_id: UUID, text: str, author: str, client_id: str | None = None
) -> list[DialogEvent]:
    """A person answers: the dialog becomes theirs, and on Telegram the reply is queued in the same transaction.

    A second reply with the same `client_id` changes nothing, and returns the message of the first. Returns what to
    publish after the commit (and ring the outbox bell of the slot). Raises NotFound, Invalid, Conflict.
    """
    text = text.strip()
    if not text:
        raise Invalid("The message is empty.")
    if len(text) > REPLY_MAX:
        raise Invalid(f"A message can have up to {REPLY_MAX} characters; this one has {len(text)}. Split it.")
    log = DialogLog(conn)
    dialog = await _locked(log, tenant_id, dialog_id)
    if client_id is not None and (said := await conn.fetchrow(queries.FETCH_REPLY, tenant_id, dialog_id, client_id)):
        return [DialogEvent(tenant_id, dialog_id, said["seq"], "message", queries.message_json(said))]
    if dialog.blocked:
        raise Conflict("The customer has blocked the bot: nothing can be sent until they write again.")
    log.set_mode(dialog, "active", reason="operator")
    telegram = dialog.channel == "telegram"
    in_group = telegram and Address.parse(dialog.address).is_group
    draft = MessageDraft(
        id=uuid7(),
        role="operator",
        text=text,
        author=author,
        client_id=client_id,
        delivery="queued" if telegram else "none",
        reply_to=await changes.last_said(conn, tenant_id=tenant_id, dialog_id=dialog_id) if in_group else None,
    )
    log.append(dialog, draft)
    events = await log.flush()
    if telegram:
        await outbox.enqueue(conn, telegram_sends(dialog, draft))
    return events


async def set_mode(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, mode: Mode, reason: str) -> list[DialogEvent]:
    """Say who answers from now on. Returns what to publish after the commit. Raises NotFound."""
    log = DialogLog(conn)
    dialog = await _locked(log, tenant_id, dialog_id)
    log.set_mode(dialog, mode, reason=reason)
    return await log.flush()


async def set_status(conn: Conn, *, tenant_id: UUID, dialog_id: UUID, status: Status) -> list[DialogEvent]:
    """Close or reopen; a closed dialog goes back to the assistant. Raises NotFound."""
    log = DialogLog(conn)
    dialog = await _locked(log, tenant_id, dialog_id)
    dialog.status = status
    dialog.touched = True
    if status == "closed":
        log.set_mode(dialog, "ai", reason="closed")
    return await log.flush()


def telegram_sends(dialog: LockedDialog, draft: MessageDraft) -> list[OutboxDraft]:
    """The Bot API sends that carry a message of this Telegram dialog."""
    return rendering.sends(
        tenant_id=dialog.tenant_id,
        slot=dialog.slot,
        bot_id=int(dialog.source),
        dialog_id=dialog.id,
        message_id=draft.id,
        address=dialog.address,
        text=draft.text,
        citations=draft.citations,
        language="ru" if any("а" <= char <= "я" for char in draft.text.lower()) else "en",
        reply_to=draft.reply_to,
    )


async def _locked(log: DialogLog, tenant_id: UUID, dialog_id: UUID) -> LockedDialog:
    found = await log.lock([(tenant_id, dialog_id)])
    if dialog_id not in found:
        raise NotFound("There is no such dialog.")
    return found[dialog_id]
