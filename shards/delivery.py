"""Grouped, fenced marks of sends: `sending` before the socket write, the outcome after it, and the message's delivery.

Lock order: slots, dialogs, outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.bus import DialogEvent, Publisher, events_channel
from domain.dialogs import DialogLog, LockedDialog, changes
from domain.kit.batch import GroupCommit
from domain.kit.crashpoints import crash_point
from domain.kit.db import Conn, Database
from domain.kit.errors import LostOwnership
from domain.kit.fencing import lost_slots
from domain.outbox import OutboxRow, previews
from domain.outbox import service as outbox
from domain.outbox.service import OutcomeRow


class TakenBack(LostOwnership):
    """The send is not waiting any more: its broadcast was paused or cancelled."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of a send, to be committed. `state` sent | failed | uncertain | ready (again, in `delay` seconds)."""

    row: OutboxRow
    epoch: int
    state: str
    telegram_message_id: int | None = None
    error: str | None = None
    resends: int = 0
    delay: float = 0
    change: tuple[str, dict[str, Any]] | None = None  # (method, payload) of the next attempt
    moved_to: int | None = None
    chat_gone: bool = False


@dataclass(slots=True)
class _Settled:
    events: list[tuple[int, DialogEvent]] = field(default_factory=list)
    lost: frozenset[int] = frozenset()


class DeliveryMarks:
    """The outbox's commits of one shard."""

    def __init__(self, db: Database, publisher: Publisher) -> None:
        self._db = db
        self._publisher = publisher
        self._sending: GroupCommit[tuple[OutboxRow, int], int | None] = GroupCommit("mark-sending", self._flush_sending)
        self._outcomes: GroupCommit[Sent, bool] = GroupCommit("mark-outcome", self._flush_outcomes)

    def start(self) -> None:
        """Begin; needs the running loop."""
        self._sending.start()
        self._outcomes.start()

    async def close(self) -> None:
        """Commit what waits and stop."""
        await self._sending.close()
        await self._outcomes.close()

    async def sending(self, row: OutboxRow, epoch: int) -> int:
        """About to write to the socket; returns the attempt's number. Raises LostOwnership, TakenBack, Unavailable."""
        attempt = await self._sending.add((row, epoch))
        if attempt is None:
            raise LostOwnership(f"slot {row.slot} moved on")
        if attempt == 0:
            raise TakenBack(f"send {row.id} does not wait any more")
        return attempt

    async def settled(self, sent: Sent) -> None:
        """What became of it. Raises LostOwnership, Unavailable."""
        if not await self._outcomes.add(sent):
            raise LostOwnership(f"slot {sent.row.slot} moved on")

    async def _flush_sending(self, items: Sequence[tuple[OutboxRow, int]]) -> list[int | None]:
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, {row.slot: epoch for row, epoch in items})
            live = sorted((row.tenant_id, row.id, epoch) for row, epoch in items if row.slot not in lost)
            attempts = await outbox.mark_sending(conn, live) if live else {}
        crash_point("sending-committed")
        return [None if row.slot in lost else attempts.get(row.id, 0) for row, _ in items]

    async def _flush_outcomes(self, items: Sequence[Sent]) -> list[bool]:
        async with self._db.worker_tx() as conn:
            settled = await _settle(conn, items)
        crash_point("sent-committed")
        await self._publisher.publish((events_channel(slot), event) for slot, event in settled.events)
        return [item.row.slot not in settled.lost for item in items]


async def _settle(conn: Conn, items: Sequence[Sent]) -> _Settled:
    lost = await lost_slots(conn, {item.row.slot: item.epoch for item in items})
    live = [item for item in items if item.row.slot not in lost]
    if not live:
        return _Settled(lost=lost)
    unit = DialogLog(conn)
    dialogs = await unit.lock((item.row.tenant_id, item.row.dialog_id) for item in live)
    ordered = sorted(live, key=lambda item: item.row.id)
    changed = await outbox.mark_outcomes(conn, [_outcome(item) for item in ordered])
    # An outcome that is stored already (its commit's confirmation was lost) is not announced twice.
    ordered = [item for item in ordered if item.row.id in changed]
    await previews.settle(conn, [(item.row.tenant_id, item.row.id) for item in ordered if item.row.preview])
    for item in ordered:
        await _follow_up(conn, item, dialogs.get(item.row.dialog_id))
    delivery = await outbox.delivery_of(conn, [(item.row.tenant_id, item.row.message_id) for item in ordered])
    said: set[UUID] = set()
    for item in ordered:
        dialog = dialogs.get(item.row.dialog_id)
        message = item.row.message_id
        if dialog is None:
            continue
        if item.chat_gone:
            unit.set_blocked(dialog, True)
        if message in delivery and message not in said:
            said.add(message)
            state, detail = delivery[message]
            unit.set_delivery(dialog, message, state, detail)
    slot_of = {item.row.dialog_id: item.row.slot for item in live}
    return _Settled([(slot_of[event.dialog_id], event) for event in await unit.flush()], lost)


async def _follow_up(conn: Conn, item: Sent, dialog: LockedDialog | None) -> None:
    """What an unusual outcome asks for beside its mark; none of it happens on the way of an ordinary send."""
    row = item.row
    if item.change is not None:
        method, payload = item.change
        await outbox.change_send(conn, tenant_id=row.tenant_id, row_id=row.id, method=method, payload=payload)
    if item.moved_to is not None:
        # The other dialogs of the chat follow with its service message, or with a refusal of their own: they are not
        # locked here.
        await changes.move_chat(
            conn,
            [dialog] if dialog is not None else [],
            tenant_id=row.tenant_id,
            bot_id=row.bot_id,
            old=row.chat_id,
            new=item.moved_to,
        )
    if item.state in {"failed", "uncertain"} and row.parts > 1:
        reason = item.error or "an earlier part did not arrive"
        await outbox.fail_rest(conn, tenant_id=row.tenant_id, message_ids=[row.message_id], reason=reason)


def _outcome(item: Sent) -> OutcomeRow:
    return OutcomeRow(
        tenant_id=item.row.tenant_id,
        id=item.row.id,
        state=item.state,
        telegram_message_id=item.telegram_message_id,
        error=item.error,
        resends=item.resends,
        delay=item.delay,
    )
