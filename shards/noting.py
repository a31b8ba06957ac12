"""Updates that are no new message: each changes what we know in a transaction of its own, beside the batches of intake.

An edit of an unanswered message takes the place of its row, so that the new words are asked and no old ones answered;
an edit of the newest message within two minutes is answered once more; any other is only noted. Blocks, moved groups,
reactions and business connections change their rows. A pressed button is answered (none of our messages has one), a
stopped answer is cut where it is: both are gestures of the moment, done after the commit and not again after a crash.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.answering.sentences import sentence
from domain.bots import Bot
from domain.bots import service as bots
from domain.bots.updates import Incoming
from domain.bus import Publisher, events_channel
from domain.clients.telegram import Outcome
from domain.dialogs import DialogLog, LockedDialog, MessageDraft, attachments, changes
from domain.dialogs.model import AI_MODES
from domain.dialogs.opening import lock_existing
from domain.inbox import AcceptedRow, InboxRow
from domain.inbox import service as inbox
from domain.kit.db import Conn, Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.fencing import lost_slots
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from shards.conversations import Conversations, Pending
from shards.meaning import Meaning

log = logger(__name__)

Call = Callable[[Bot, str, dict[str, object]], Awaitable[Outcome]]
FindBot = Callable[[int], Awaitable[Bot | None]]


@dataclass(slots=True)
class _Noted:
    """What an update came to: the row's dialog and message, and whether a turn follows."""

    dialog: LockedDialog | None = None
    seq: int | None = None
    asks: bool = False


class Noting:
    """Takes the updates that are no new message, for one shard."""

    def __init__(
        self,
        *,
        db: Database,
        publisher: Publisher,
        conversations: Conversations,
        find_bot: FindBot,
        call: Call,
        tasks: Tasks,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._conversations = conversations
        self._find_bot = find_bot
        self._call = call
        self._tasks = tasks

    async def accept(self, row: InboxRow, meaning: Meaning, epoch: int) -> bool:
        """Commit what a row of kind "update" changes. False, with nothing changed, for an edit that is to be accepted
        as a new message, because we never had the old one. Raises Unavailable, LostOwnership."""
        incoming = meaning.incoming
        assert incoming is not None  # noqa: S101  # a meaning of kind "update" has one
        async with self._db.worker_tx() as conn:
            if await lost_slots(conn, {row.slot: epoch}):
                return True  # its new owner reads it
            unit = DialogLog(conn)
            noted = await _note(conn, unit, row, meaning, incoming)
            if noted is None:
                return False
            events = await unit.flush()
            dialog_id = noted.dialog.id if noted.dialog else None
            state = "accepted" if noted.asks else "done"
            await inbox.mark_accepted(conn, [AcceptedRow(row.tenant_id, row.id, dialog_id, noted.seq, state)])
        await self._publisher.publish((events_channel(row.slot), event) for event in events)
        if noted.asks and noted.dialog is not None and noted.seq is not None:
            self._conversations.push(noted.dialog, Pending.of(row, meaning, noted.seq, epoch))
        self._gesture(row, incoming)
        return True

    def _gesture(self, row: InboxRow, incoming: Incoming) -> None:
        if incoming.kind == "callback":
            self._tasks.short("answerCallbackQuery", self._answer_callback(int(row.source), incoming))
        elif incoming.kind == "stopped":
            self._conversations.stop_turn(row.source, incoming.address, incoming.draft_id)

    async def _answer_callback(self, bot_id: int, incoming: Incoming) -> None:
        """Telegram shows a spinner on the button until it is answered; it accepts that for a while only."""
        text = sentence("old_button", (incoming.language or "en")[:2])
        payload: dict[str, object] = {"callback_query_id": incoming.callback_id, "text": text}
        try:
            bot = await self._find_bot(bot_id)
            if bot is not None:
                outcome = await self._call(bot, "answerCallbackQuery", payload)
                log.info("callback.answered", bot=bot_id, outcome=type(outcome).__name__)
        except (LostOwnership, Unavailable) as error:
            log.info("callback.not_answered", bot=bot_id, reason=error.detail)


async def _note(conn: Conn, unit: DialogLog, row: InboxRow, meaning: Meaning, incoming: Incoming) -> _Noted | None:
    if incoming.kind == "edited":
        return await _edit(conn, unit, row, meaning, incoming)
    bot_id = int(row.source)
    if incoming.kind == "connection" and incoming.connection is not None:
        await bots.save_connection(conn, tenant_id=row.tenant_id, bot_id=bot_id, connection=incoming.connection)
    elif incoming.kind in {"blocked", "unblocked", "moved", "reaction"}:
        dialogs = await changes.lock_chat(
            conn, unit, tenant_id=row.tenant_id, source=row.source, chat_id=incoming.chat_id
        )
        await _change(conn, unit, row, incoming, dialogs)
    return _Noted()


async def _change(
    conn: Conn, unit: DialogLog, row: InboxRow, incoming: Incoming, dialogs: Sequence[LockedDialog]
) -> None:
    """What an update says of a chat as a whole."""
    if incoming.kind == "moved":
        await changes.move_chat(
            conn,
            dialogs,
            tenant_id=row.tenant_id,
            bot_id=int(row.source),
            old=incoming.chat_id,
            new=incoming.new_chat_id,
        )
    elif incoming.kind == "reaction":
        found = await changes.find_reacted(conn, dialogs, telegram_message_id=incoming.message_id)
        if found is not None:
            unit.react(found[0], found[1], incoming.emoji)
    else:
        for dialog in dialogs:
            unit.set_blocked(dialog, incoming.kind == "blocked")


async def _edit(conn: Conn, unit: DialogLog, row: InboxRow, meaning: Meaning, incoming: Incoming) -> _Noted | None:
    assert meaning.opening is not None  # noqa: S101  # an edit is a message, and has one
    if incoming.content == "location":
        return _Noted()  # a live location moves every few seconds: the record keeps where it began
    dialog = (await lock_existing(conn, [meaning.opening])).get(meaning.opening.key)
    draft = meaning.draft()
    if dialog is not None:
        unit.adopt([dialog])
        said = await changes.edit(conn, unit, dialog, draft)
        if said is not None:
            asks = said.changed and await _edit_asks(conn, row, meaning, dialog, said)
            await attachments.request_bytes(
                conn, tenant_id=row.tenant_id, bot_id=int(row.source), message_id=said.id, attachments=draft.attachments
            )
            may_reply = meaning.reply and dialog.mode in AI_MODES and not await find_muted(conn, [meaning])
            return _Noted(dialog, said.seq, asks and may_reply)
    # A message we do not have: it expired while nobody fetched updates, or (in a group) was not said to the bot until
    # now. What a business account's customer wrote before the bot came was said to the business.
    return None if meaning.connection_id is None else _Noted(dialog)


async def _edit_asks(conn: Conn, row: InboxRow, meaning: Meaning, dialog: LockedDialog, said: changes.Said) -> bool:
    waits = await inbox.supersede(conn, tenant_id=row.tenant_id, slot=row.slot, dialog_id=dialog.id, seq=said.seq)
    return waits or (said.recent and bool(meaning.question))


@dataclass(frozen=True, slots=True)
class Extra:
    """A new message that brings more along than its text."""

    dialog: LockedDialog
    draft: MessageDraft
    start: str


async def note_extras(conn: Conn, extras: Sequence[Extra]) -> None:
    """The payloads of deep links become attributes of their contacts; files will be fetched by jobs."""
    for one in extras:
        dialog = one.dialog
        if one.start:
            await changes.note_start(conn, tenant_id=dialog.tenant_id, contact_id=dialog.contact_id, payload=one.start)
        await attachments.request_bytes(
            conn,
            tenant_id=dialog.tenant_id,
            bot_id=int(dialog.source),
            message_id=one.draft.id,
            attachments=one.draft.attachments,
        )


async def find_muted(conn: Conn, meanings: Iterable[Meaning]) -> frozenset[tuple[UUID, int, str]]:
    """The (tenant, bot, business connection) of these in which the bot may not reply."""
    wanted = {
        (meaning.opening.tenant_id, int(meaning.opening.source), meaning.connection_id)
        for meaning in meanings
        if meaning.connection_id is not None and meaning.opening is not None
    }
    return await bots.muted_connections(conn, sorted(wanted)) if wanted else frozenset()
