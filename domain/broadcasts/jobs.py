"""The job of a broadcast: one step a transaction, fenced by the tenant's slot.

scheduled  wait for the time.          paused     let what is on the wire settle, and keep the rest from going.
running    collect the recipients, then keep a bounded window of sends in the outbox, refilled as they settle.
cancelled  take back what was not sent.
done       nothing, unless a person sends one of its messages again: then see what becomes of it.

A recipient's message, its sends and its state are one commit: after a crash at any point the next owner finds each
recipient either untouched or queued, so nobody gets it twice. What became of a message is known from its delivery,
which the sender writes; the job only takes it over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.bots import service as bots
from domain.broadcasts import queries, rules
from domain.broadcasts.model import PRIORITY
from domain.broadcasts.queries import content
from domain.bus import Bell, DialogEvent, Publisher, Signal, bell_channel, events_channel
from domain.dialogs import DialogLog, LockedDialog, MessageDraft
from domain.kit.db import Conn, Row
from domain.kit.errors import NotFound
from domain.kit.ids import uuid7
from domain.kit.jobs import Handler, Job, JobContext, Later
from domain.kit.log import logger
from domain.outbox import OutboxDraft
from domain.outbox import service as outbox

COLLECT_PAGE = 2000  # recipients added in one transaction
FEED_PAGE = 100  # dialogs locked in one transaction: a turn of one of them waits that long
CANCEL_PAGE = 2000
MARK_PAGE = 200  # recipients in one statement: what it compares grows with the square
EVERY = 0.5  # seconds between steps while sends are on their way
WAIT = 5.0  # seconds between steps while there is nothing to do but to look
BLOCKED = "The customer has blocked the bot."
GONE = "The conversation was deleted, or is not on this bot any more."
WITHDRAWN = "The broadcast was cancelled before this was sent."
DISCONNECTED = "The bot was disconnected."
WAITS = {
    "paused": "The bot is paused: the broadcast goes on when it is resumed.",
    "revoked": "Telegram refuses the bot's token: the broadcast goes on when it has a new one.",
}

Mark = tuple[UUID, str, UUID | None, str | None]  # dialog, state, message, reason

log = logger(__name__)


@dataclass(slots=True)
class _Step:
    """What a transaction came to. `next_in` seconds until the next step, 0 for at once, None for none."""

    next_in: float | None
    signals: list[tuple[str, Signal]] = field(default_factory=list)


def broadcast_handler(publisher: Publisher) -> Handler:
    """The handler of "broadcast.run": the key is the broadcast."""

    async def run(job: Job, context: JobContext) -> None:
        going_on = False
        while True:
            async with context.tx() as conn:
                step = await _step(conn, job.tenant_id, UUID(job.key), going_on=going_on)
            going_on = True
            await publisher.publish(step.signals)
            if step.next_in is None:
                return
            if step.next_in:
                raise Later(step.next_in)

    return run


async def _step(conn: Conn, tenant_id: UUID, broadcast_id: UUID, *, going_on: bool) -> _Step:
    """The next transaction; one that goes on right after another has nothing new to settle."""
    row = await conn.fetchrow(queries.LOCK, tenant_id, broadcast_id)
    if row is None or row["state"] == "draft":
        return _Step(None)
    if not going_on:
        await _settle(conn, tenant_id, broadcast_id)
    match row["state"]:
        case "scheduled" if row["due_in"] > 0:
            return _Step(row["due_in"])
        case "scheduled":
            await _set_state(conn, tenant_id, row, "running")
            return _Step(0)
        case "running":
            return await _run(conn, tenant_id, row)
        case "paused":
            return await _keep_paused(conn, tenant_id, broadcast_id)
        case "done":
            return _Step(WAIT if await conn.fetchval(queries.COUNT_QUEUED, tenant_id, broadcast_id) else None)
        case _:
            return await _withdraw(conn, tenant_id, row)


async def _set_state(conn: Conn, tenant_id: UUID, row: Row, state: str, note: str | None = None) -> None:
    over = state in {"done", "cancelled"}
    await conn.execute(queries.SET_STATE, tenant_id, row["id"], state, note, over)


async def _settle(conn: Conn, tenant_id: UUID, broadcast_id: UUID) -> None:
    """Take over what became of the messages."""
    known = await conn.fetch(queries.FETCH_KNOWN, tenant_id, broadcast_id)
    await _mark(conn, tenant_id, broadcast_id, [(row["dialog_id"], row["state"], None, row["reason"]) for row in known])


async def _run(conn: Conn, tenant_id: UUID, row: Row) -> _Step:
    try:
        bot = await bots.get(conn, tenant_id=tenant_id, bot_id=row["bot_id"])
    except NotFound:
        await _set_state(conn, tenant_id, row, "cancelled", DISCONNECTED)
        return _Step(0)
    note = WAITS.get(bot.state)
    if note != row["note"]:
        await _set_state(conn, tenant_id, row, "running", note)
    if not row["collected"]:
        arguments = queries.audience_arguments(tenant_id, bot.id, content(row).audience)
        await conn.execute(queries.COLLECT, *arguments, row["collected_to"], COLLECT_PAGE, row["id"])
        return _Step(0)
    if note is not None:
        return _Step(WAIT)
    on_their_way: int = await conn.fetchval(queries.COUNT_QUEUED, tenant_id, row["id"])
    room = rules.window(bot.rate, row["running"]) - on_their_way
    if room <= 0:
        return _Step(EVERY)
    return await _feed(conn, tenant_id, row, room=room, on_their_way=on_their_way)


async def _feed(conn: Conn, tenant_id: UUID, row: Row, *, room: int, on_their_way: int) -> _Step:
    """Queue the next page of recipients; the broadcast is done when nobody waits and nothing is on its way."""
    page = min(FEED_PAGE, room)
    waiting = [found["dialog_id"] for found in await conn.fetch(queries.FETCH_WAITING, tenant_id, row["id"], page)]
    if not waiting:
        if not on_their_way:
            await _set_state(conn, tenant_id, row, "done")
            log.info("broadcast.done", tenant=str(tenant_id), broadcast=str(row["id"]))
        return _Step(EVERY if on_their_way else None)
    unit = DialogLog(conn)
    dialogs = await unit.lock((tenant_id, dialog_id) for dialog_id in waiting)
    marks, sends = _queue(unit, dialogs, waiting, row)
    events = await unit.flush()
    await outbox.enqueue(conn, sends)
    await _mark(conn, tenant_id, row["id"], marks)
    signals = _events(events, lambda event: dialogs[event.dialog_id].slot)
    slots = sorted({send.slot for send in sends})
    signals += [(bell_channel(slot), Bell(slot, "outbox")) for slot in slots]
    return _Step(0 if page < room and len(waiting) == page else EVERY, signals)


def _queue(
    unit: DialogLog, dialogs: dict[UUID, LockedDialog], waiting: Sequence[UUID], row: Row
) -> tuple[list[Mark], list[OutboxDraft]]:
    """Append the message to each dialog that can have it. Rendered once: only the chat differs."""
    wanted = content(row)
    payload = rules.payload(wanted.text, wanted.buttons)
    receipt = {"way": "broadcast", "broadcast_id": str(row["id"]), "title": wanted.title}
    marks: list[Mark] = []
    sends: list[OutboxDraft] = []
    for dialog_id in waiting:
        dialog = dialogs.get(dialog_id)
        if dialog is None or dialog.channel != "telegram" or dialog.source != str(row["bot_id"]):
            marks.append((dialog_id, "failed", None, GONE))
            continue
        if dialog.blocked:
            marks.append((dialog_id, "blocked", None, BLOCKED))
            continue
        draft = MessageDraft(
            id=uuid7(), role="assistant", text=wanted.text, delivery="queued", receipt=receipt, quiet=True
        )
        unit.append(dialog, draft)
        marks.append((dialog_id, "queued", draft.id, None))
        sends.append(_send(dialog, draft.id, payload))
    return marks, sends


def _send(dialog: LockedDialog, message_id: UUID, payload: dict[str, object]) -> OutboxDraft:
    chat_id = int(dialog.address)
    return OutboxDraft(
        tenant_id=dialog.tenant_id,
        slot=dialog.slot,
        bot_id=int(dialog.source),
        dialog_id=dialog.id,
        message_id=message_id,
        chat_id=chat_id,
        part=0,
        parts=1,
        method="sendMessage",
        payload={"chat_id": chat_id, **payload},
        priority=PRIORITY,
    )


async def _keep_paused(conn: Conn, tenant_id: UUID, broadcast_id: UUID) -> _Step:
    """A send that was on the wire may have been put back as ready (429); the rest settles by itself."""
    messages = [row["message_id"] for row in await conn.fetch(queries.FETCH_QUEUED, tenant_id, broadcast_id)]
    await outbox.pause(conn, tenant_id=tenant_id, message_ids=messages)
    open_sends = await outbox.count_open(conn, tenant_id=tenant_id, message_ids=messages)
    return _Step(EVERY if open_sends else None)


async def _withdraw(conn: Conn, tenant_id: UUID, row: Row) -> _Step:
    """Take back a page of what was queued; then whoever waits gets nothing; what is on the wire is waited for."""
    rows = await conn.fetch(queries.FETCH_QUEUED, tenant_id, row["id"])
    dialog_of: dict[UUID, UUID] = {found["message_id"]: found["dialog_id"] for found in rows}
    page = await outbox.fetch_not_begun(conn, tenant_id=tenant_id, message_ids=list(dialog_of), limit=FEED_PAGE)
    if page:
        return _Step(0, await _take_back(conn, tenant_id, row["id"], {found: dialog_of[found] for found in page}))
    waiting = await conn.fetch(queries.FETCH_WAITING, tenant_id, row["id"], CANCEL_PAGE)
    await _mark(conn, tenant_id, row["id"], [(found["dialog_id"], "cancelled", None, None) for found in waiting])
    if len(waiting) == CANCEL_PAGE:
        return _Step(0)
    if not rows:
        await _set_state(conn, tenant_id, row, "cancelled", row["note"])
    return _Step(EVERY if rows else None)


async def _take_back(
    conn: Conn, tenant_id: UUID, broadcast_id: UUID, dialog_of: dict[UUID, UUID]
) -> list[tuple[str, Signal]]:
    unit = DialogLog(conn)
    dialogs = await unit.lock((tenant_id, dialog_id) for dialog_id in dialog_of.values())
    taken = await outbox.withdraw(conn, tenant_id=tenant_id, message_ids=list(dialog_of))
    for message_id in sorted(taken):
        if dialog := dialogs.get(dialog_of[message_id]):
            unit.set_delivery(dialog, message_id, "failed", WITHDRAWN)
    signals = _events(await unit.flush(), lambda event: dialogs[event.dialog_id].slot)
    await _mark(conn, tenant_id, broadcast_id, [(dialog_of[found], "cancelled", None, WITHDRAWN) for found in taken])
    return signals


async def _mark(conn: Conn, tenant_id: UUID, broadcast_id: UUID, marks: Sequence[Mark]) -> None:
    for start in range(0, len(marks), MARK_PAGE):
        columns = (list(column) for column in zip(*marks[start : start + MARK_PAGE], strict=True))
        await conn.execute(queries.MARK, tenant_id, broadcast_id, *columns)


def _events(events: Sequence[DialogEvent], slot_of: Callable[[DialogEvent], int]) -> list[tuple[str, Signal]]:
    return [(events_channel(slot_of(event)), event) for event in events]
