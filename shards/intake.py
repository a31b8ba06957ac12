"""Inbox rows become messages in their dialogs: visible to operators at once, before any answer is thought of.

One loop a shard. A doorbell names a slot; every second all owned slots are looked at, should a bell be lost. A batch is
read, understood, and accepted in one fenced transaction; then its conversations are given their turns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.bots import Bot
from domain.bots.updates import Poisoned
from domain.bus import DialogEvent, Publisher, events_channel
from domain.dialogs import DialogLog, LockedDialog, MessageDraft
from domain.dialogs.model import AI_MODES
from domain.dialogs.opening import lock_or_open
from domain.inbox import InboxRow
from domain.inbox import service as inbox
from domain.kit.clock import Clock
from domain.kit.db import Conn, Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.fencing import lost_slots
from domain.kit.ids import uuid7
from domain.kit.log import logger
from shards.conversations import Conversations, Pending
from shards.meaning import Meaning, read
from shards.ownership import Ownership

log = logger(__name__)

BATCH = 300
LOOK_EVERY = 1.0  # seconds

FindBot = Callable[[int], Awaitable[Bot | None]]


@dataclass(frozen=True, slots=True)
class _Understood:
    row: InboxRow
    meaning: Meaning


class Intake:
    """Accepts what arrives in the owned slots."""

    def __init__(
        self,
        *,
        db: Database,
        publisher: Publisher,
        ownership: Ownership,
        conversations: Conversations,
        find_bot: FindBot,
        clock: Clock,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._ownership = ownership
        self._conversations = conversations
        self._find_bot = find_bot
        self._clock = clock
        self._rung: set[int] = set()
        self._open: set[int] = set()
        self._full_look_at = 0.0
        self._wake = asyncio.Event()
        self._accepting: frozenset[int] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()

    def ring(self, slot: int) -> None:
        """Something may be in this slot's inbox."""
        self._rung.add(slot)
        self._wake.set()

    async def run(self) -> None:
        """Eternal: accept."""
        while True:
            slots = self._due()
            try:
                while slots and await self._accept_some(slots):
                    pass
            except (Unavailable, LostOwnership) as error:
                log.warning("intake.paused", reason=error.detail)
                await self._clock.sleep(0.5)
            await self._rest()

    async def gained(self, slots: frozenset[int]) -> None:
        """Look into new slots; not before this, because older rows come first in their conversations."""
        self._open |= slots
        for slot in slots:
            self.ring(slot)

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Accept nothing more in these; what is being committed right now is in flight."""
        self._open -= slots
        return self._accepting & slots

    async def settle(self, slots: frozenset[int]) -> None:
        """Wait for the commit in flight."""
        if self._accepting & slots:
            await self._idle.wait()

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        self._open -= slots

    def _due(self) -> list[int]:
        """The slots that rang; all of them every second, however much rings: a bell may have been lost."""
        rung, self._rung = self._rung, set()
        now = self._clock.monotonic()
        if now < self._full_look_at:
            return sorted(rung & self._open)
        self._full_look_at = now + LOOK_EVERY
        return sorted(self._open)

    async def _rest(self) -> None:
        if self._rung:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, self._full_look_at - self._clock.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _accept_some(self, slots: Sequence[int]) -> bool:
        """Accept one batch; True if there may be more."""
        async with self._db.worker_tx() as conn:
            rows = await inbox.fetch_ready(conn, slots=slots, limit=BATCH)
        if not rows:
            return False
        understood, poisoned = await self._understand(rows)
        for row, reason in poisoned:
            await self._bury(row, reason)
        if understood:
            await self._accept(understood)
        return len(rows) == BATCH

    async def _understand(self, rows: Sequence[InboxRow]) -> tuple[list[_Understood], list[tuple[InboxRow, str]]]:
        understood: list[_Understood] = []
        poisoned: list[tuple[InboxRow, str]] = []
        for row in rows:
            bot = await self._find_bot(int(row.source)) if row.channel == "telegram" else None
            try:
                understood.append(_Understood(row, read(row, bot)))
            except Poisoned as error:
                poisoned.append((row, str(error)))
            except Exception as error:
                # The boundary: bytes from outside must not stop the shard, whatever reading them does.
                log.exception("inbox.unreadable", row=row.id)
                poisoned.append((row, f"could not be read: {error!r}"))
        return understood, poisoned

    async def _bury(self, row: InboxRow, reason: str) -> None:
        log.warning("inbox.poisoned", row=row.id, reason=reason)
        async with self._db.worker_tx() as conn:
            if not await lost_slots(conn, {row.slot: self._ownership.epoch(row.slot)}):
                await inbox.bury(conn, tenant_id=row.tenant_id, ids=[row.id], reason=reason)

    async def _accept(self, batch: list[_Understood]) -> None:
        """Commit a batch. If one item spoils it, the items go one by one and only the bad one is dead-lettered."""
        slots = frozenset(item.row.slot for item in batch)
        self._accepting = slots
        self._idle.clear()
        try:
            await self._commit(batch)
        except (Unavailable, LostOwnership):
            raise
        except Exception as error:
            if len(batch) > 1:
                for item in batch:
                    await self._accept([item])
                return
            log.exception("inbox.unacceptable", row=batch[0].row.id)
            await self._bury(batch[0].row, f"could not be accepted: {error!r}")
        finally:
            self._accepting = frozenset()
            self._idle.set()

    async def _commit(self, batch: list[_Understood]) -> None:
        held = {item.row.slot: self._ownership.epoch(item.row.slot) for item in batch}
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, held)
            events, pending = await _write(conn, [item for item in batch if item.row.slot not in lost], held)
        await self._publisher.publish((events_channel(slot), event) for event, slot in events)
        for dialog, item in pending:
            self._conversations.push(dialog, item)


async def _write(
    conn: Conn, batch: Sequence[_Understood], held: dict[int, int]
) -> tuple[list[tuple[DialogEvent, int]], list[tuple[LockedDialog, Pending]]]:
    """Append the batch's messages; returns events with their slots, and what wants a turn."""
    openings = [item.meaning.opening for item in batch if item.meaning.opening is not None]
    dialogs = await lock_or_open(conn, openings) if openings else {}
    unit = DialogLog(conn)
    unit.adopt(dialogs.values())
    marks: list[tuple[object, ...]] = []
    pending: list[tuple[LockedDialog, Pending]] = []
    for item in batch:
        row, meaning = item.row, item.meaning
        if meaning.opening is None:
            marks.append((row.tenant_id, row.id, None, None, "done"))
            continue
        dialog = dialogs[meaning.opening.key]
        seq = _apply(unit, dialog, meaning)
        wants_turn = meaning.kind == "message" and meaning.reply and dialog.mode in AI_MODES
        marks.append((row.tenant_id, row.id, dialog.id, seq, "accepted" if wants_turn else "done"))
        if wants_turn and seq is not None:
            pending.append((dialog, Pending.of(row, meaning, seq, held[row.slot])))
    events = await unit.flush()
    await inbox.mark_accepted(conn, marks)
    slot_of = {dialog.id: dialog.slot for dialog in dialogs.values()}
    return [(event, slot_of[event.dialog_id]) for event in events], pending


def _apply(unit: DialogLog, dialog: LockedDialog, meaning: Meaning) -> int | None:
    if meaning.kind != "message":
        unit.set_blocked(dialog, meaning.kind == "block")
        return None
    if dialog.blocked:
        unit.set_blocked(dialog, False)
    draft = MessageDraft(id=uuid7(), role="customer", text=meaning.text, client_id=meaning.client_id)
    return unit.append(dialog, draft)
