"""Answers that grow in a message where Telegram takes no drafts: sent as a send like any other, then edited.

The message is committed, sent and known by its id before anything else is done to it. Edits are ephemeral: they go when
the windows have room to spare, and the first that goes wrong is the last. The commit of the turn makes the answer out
of the message, or removes it (domain/outbox/previews.py).
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.bots.addresses import Address
from domain.clients.telegram import Done, Outcome, Unknown
from domain.inbox import service as inbox
from domain.kit.db import Database
from domain.kit.fencing import lost_slots
from domain.kit.ids import uuid7
from domain.outbox import OutboxDraft, previews
from domain.outbox.previews import Preview
from shards.conversations import DialogRef, Pending


class PreviewSender(Protocol):
    """What the sender does for previews."""

    async def send_ephemeral(self, bot_id: int, method: str, payload: dict[str, object]) -> Outcome | None:
        """One call if the limits have room right now; None if they have not."""
        ...

    async def has_room(self, bot_id: int, chat_id: int) -> bool:
        """Whether a send would delay no other."""
        ...

    def ring(self) -> None:
        """Something is in the outbox."""
        ...


@dataclass(frozen=True, slots=True)
class Answering:
    """Whose answer grows where: the dialog, and the first inbox row of its turn under its owner's epoch."""

    tenant_id: UUID
    dialog_id: UUID
    slot: int
    epoch: int
    inbox_id: int
    bot_id: int
    place: Address
    reply_to: int


def growing_in(dialog: DialogRef, item: Pending, place: Address) -> Answering:
    """Where the answer to a row grows."""
    return Answering(
        tenant_id=dialog.tenant_id,
        dialog_id=dialog.id,
        slot=dialog.slot,
        epoch=item.epoch,
        inbox_id=item.row_id,
        bot_id=int(dialog.source),
        place=place,
        reply_to=item.message_id,
    )


class PreviewMessage:
    """The preview of one turn."""

    def __init__(self, db: Database, sender: PreviewSender, answering: Answering) -> None:
        self._db = db
        self._sender = sender
        self._answering = answering
        self._shown = ""
        self.over = False  # nothing more is shown
        self.doubtful = False  # an edit may still arrive at any time

    async def show(self, text: str) -> None:
        """The text so far: begin the message, or edit it once it is there. Raises LostOwnership, Unavailable."""
        found = await self._find()
        if found is None:
            await self._begin(text)
        elif found.state in {"failed", "uncertain"} or found.inbox_id != self._answering.inbox_id:
            self.over = True
        elif found.telegram_message_id is not None and text != self._shown:
            await self._edit(found.telegram_message_id, text)

    async def _find(self) -> Preview | None:
        one = self._answering
        async with self._db.worker_read() as conn:
            return await previews.find(conn, tenant_id=one.tenant_id, dialog_id=one.dialog_id)

    async def _begin(self, text: str) -> None:
        one = self._answering
        if not await self._sender.has_room(one.bot_id, one.place.chat_id):
            return
        async with self._db.worker_tx() as conn:
            if await lost_slots(conn, {one.slot: one.epoch}):
                self.over = True
                return
            # The turn's commit may have come first: then nobody would end this preview.
            running = await inbox.hold_running(conn, tenant_id=one.tenant_id, row_id=one.inbox_id, epoch=one.epoch)
            if not running or not await previews.begin(conn, self._draft(text), inbox_id=one.inbox_id):
                self.over = True
                return
        self._shown = text
        self._sender.ring()

    def _draft(self, text: str) -> OutboxDraft:
        one = self._answering
        payload = {**one.place.fields(), "text": text, "link_preview_options": {"is_disabled": True}}
        if one.reply_to and one.place.is_group:
            payload["reply_parameters"] = {"message_id": one.reply_to, "allow_sending_without_reply": True}
        return OutboxDraft(
            tenant_id=one.tenant_id,
            slot=one.slot,
            bot_id=one.bot_id,
            dialog_id=one.dialog_id,
            message_id=uuid7(),
            chat_id=one.place.chat_id,
            part=0,
            parts=1,
            method="sendMessage",
            payload=payload,
        )

    async def _edit(self, message_id: int, text: str) -> None:
        place = self._answering.place._replace(topic_id=None)
        payload = {
            **place.fields(),
            "message_id": message_id,
            "text": text,
            "link_preview_options": {"is_disabled": True},
        }
        self.doubtful = True  # also if this is cancelled, or raises
        outcome = await self._sender.send_ephemeral(self._answering.bot_id, "editMessageText", payload)
        self.doubtful = isinstance(outcome, Unknown)
        if isinstance(outcome, Done):
            self._shown = text
        elif outcome is not None:
            self.over = True
