"""What an update of Telegram changes in dialogs beside new messages. Every function runs in the slot owner's fenced
transaction, and the caller flushes the log and publishes after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.dialogs import queries
from domain.dialogs.log import DialogLog
from domain.dialogs.model import LockedDialog, MessageDraft
from domain.kit.db import Conn
from domain.outbox import service as outbox

ANSWER_AGAIN = 120.0  # seconds after a message in which its edit is answered once more, if nothing was written since
EDITABLE = (
    20_000  # entries of a dialog's log in which an edited message is looked for: Telegram allows edits for 48 hours
)
REACTABLE = 1_000  # the same for a message that somebody reacted to


@dataclass(frozen=True, slots=True)
class Said:
    """A customer's message as it is stored. `recent`: nothing was written since, and it is young enough that its edit
    is still the question."""

    seq: int
    id: UUID
    recent: bool
    changed: bool


async def edit(conn: Conn, log: DialogLog, dialog: LockedDialog, draft: MessageDraft) -> Said | None:
    """The message with the draft's client_id says what the draft says; None if there is no such message.

    An edit that changes nothing that is shown (Telegram sends such) leaves no trace: `changed` is False.
    """
    row = await conn.fetchrow(
        queries.FIND_SAID, dialog.tenant_id, dialog.id, draft.client_id, dialog.last_seq - EDITABLE
    )
    if row is None:
        return None
    recent = row["last"] and row["age"] <= ANSWER_AGAIN
    files = [attachment["unique_id"] for attachment in row["attachments"]]
    same = files == [attachment["unique_id"] for attachment in draft.attachments]
    if same and row["text"] == draft.text:
        draft.attachments.clear()
        return Said(row["seq"], row["id"], recent, changed=False)
    if same:
        draft.attachments[:] = row["attachments"]  # with what became of their bytes
    newest = dialog.last_text == row["text"][: len(dialog.last_text)]
    await log.edit(dialog, row["id"], draft, last=newest)
    return Said(row["seq"], row["id"], recent, changed=True)


async def lock_chat(conn: Conn, log: DialogLog, *, tenant_id: UUID, source: str, chat_id: int) -> list[LockedDialog]:
    """Lock the dialogs of a Telegram chat, its topics included, in key order."""
    rows = await conn.fetch(queries.CHAT_DIALOGS, tenant_id, source, str(chat_id))
    found = await log.lock((tenant_id, row["id"]) for row in rows)
    return [found[key] for key in sorted(found)]


async def move_chat(
    conn: Conn, dialogs: Sequence[LockedDialog], *, tenant_id: UUID, bot_id: int, old: int, new: int
) -> None:
    """A group became a supergroup: its dialogs have the new address, and what waits to be sent goes there."""
    ids = [dialog.id for dialog in dialogs]
    if ids:
        await conn.execute(queries.MOVE_ADDRESS, tenant_id, str(bot_id), str(old), str(new), ids)
    await outbox.move_chat(conn, tenant_id=tenant_id, bot_id=bot_id, old=old, new=new)


async def find_reacted(
    conn: Conn, dialogs: Sequence[LockedDialog], *, telegram_message_id: int
) -> tuple[LockedDialog, UUID] | None:
    """The message that Telegram calls so, and its dialog: one of the last of the customer's own, or of the answers
    (whose sends are known for three days). Most reactions in a group are to what people said to each other, and a look
    at all of a long dialog for each would hold up the slot."""
    for dialog in dialogs:
        after = dialog.last_seq - REACTABLE
        said = await conn.fetchrow(queries.FIND_SAID, dialog.tenant_id, dialog.id, str(telegram_message_id), after)
        if said is not None:
            return dialog, said["id"]
        rows = await conn.fetch(queries.LAST_ANSWERS, dialog.tenant_id, dialog.id)
        sent = await outbox.find_message(
            conn,
            tenant_id=dialog.tenant_id,
            message_ids=[row["id"] for row in rows],
            telegram_message_id=telegram_message_id,
        )
        if sent is not None:
            return dialog, sent
    return None


async def note_start(conn: Conn, *, tenant_id: UUID, contact_id: UUID, payload: str) -> None:
    """The customer came by a deep link: its payload becomes the contact's attribute `start`."""
    await conn.execute(queries.NOTE_START, tenant_id, contact_id, payload[:64])


async def last_said(conn: Conn, *, tenant_id: UUID, dialog_id: UUID) -> int | None:
    """Telegram's id of the customer's last message, if it has one."""
    found: str | None = await conn.fetchval(queries.LAST_SAID, tenant_id, dialog_id)
    return int(found) if found and found.isdigit() and int(found) else None
