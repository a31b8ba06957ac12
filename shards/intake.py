"""Inbox rows become messages in their dialogs: visible to operators at once, before any answer is thought of.

One loop a shard. A doorbell names a slot; every second all owned slots are looked at, should a bell be lost. A batch is
read, understood, and accepted in one fenced transaction (acceptance.py), with the answers that need no thought; the
other conversations are given their turns.
"""

import asyncio
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from domain.answering.model import Answer
from domain.assistants.model import Assistant
from domain.bots import Bot
from domain.bots.updates import Poisoned
from domain.bus import Publisher, events_channel
from domain.dialogs import LockedDialog
from domain.inbox import InboxRow
from domain.inbox import service as inbox
from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, NotFound, Unavailable
from domain.kit.fencing import lost_slots
from domain.kit.log import logger
from domain.outbox import OutboxRow
from shards.acceptance import RowsMoved, Understood, accept
from shards.answers import without_asking
from shards.conversations import Conversations, Pending
from shards.inherited import Inherited
from shards.meaning import read
from shards.noting import Noting
from shards.ownership import Ownership
from shards.turn import TURNS

log = logger(__name__)

BATCH = 500  # rows accepted in one transaction
READ_MAX = 1000  # rows read at once
FAIR_SHARE = 16  # rows of one slot among them, however many slots have some
LOOK_EVERY = 1.0  # seconds

FindBot = Callable[[int], Awaitable[Bot | None]]
FindAssistant = Callable[[UUID, UUID], Awaitable[Assistant]]
KnownAssistant = Callable[[UUID, UUID], Assistant | None]


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
        find_assistant: FindAssistant,
        known_assistant: KnownAssistant,
        instant: Callable[[Assistant, str], Answer | None],
        on_sends: Callable[[Sequence[OutboxRow]], None],
        on_doubt: Callable[[Iterable[int]], None],
        recover: Callable[[frozenset[int]], Awaitable[None]],
        noting: Noting,
        clock: Clock,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._ownership = ownership
        self._conversations = conversations
        self._find_bot = find_bot
        self._find_assistant = find_assistant
        self._known_assistant = known_assistant
        self._instant = instant
        self._on_sends = on_sends
        self._on_doubt = on_doubt
        self._recover = recover
        self._noting = noting
        self._inherited = Inherited(db, ownership)
        self._clock = clock
        self._rung: set[int] = set()
        self.accepted = 0  # rows read since the start
        self._open: set[int] = set()
        self._doubtful: set[int] = set()  # slots in which nobody knows whether a commit happened
        self._full_look_at = 0.0
        self._wake = asyncio.Event()
        self._accepting: frozenset[int] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()

    def ring(self, slot: int) -> None:
        """Something may be in this slot's inbox."""
        self._rung.add(slot)
        self._wake.set()

    def ring_all(self, slots: Iterable[int]) -> None:
        """The same for many, some of which are not ours."""
        if not self._open.isdisjoint(slots):
            self._rung.update(slots)
            self._wake.set()

    async def run(self) -> None:
        """Eternal: accept."""
        while True:
            slots = self._due()
            try:
                await self._clear_doubts()
                while slots:
                    slots = await self._accept_some(slots)
            except (Unavailable, LostOwnership) as error:
                log.warning("intake.paused", reason=error.detail)
                await self._clock.sleep(0.5)
            await self._rest()

    async def gained(self, slots: frozenset[int]) -> None:
        """Look into new slots; not before this, because older rows come first in their conversations."""
        await self._inherited.gained(slots)
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
        self._doubtful -= slots
        self._inherited.forget(slots)

    async def _clear_doubts(self) -> None:
        """What such a commit has left comes first in its conversations."""
        if doubtful := frozenset(self._doubtful & self._open):
            await self._recover(doubtful)
        self._doubtful -= doubtful

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

    async def _accept_some(self, slots: Sequence[int]) -> list[int]:
        """Accept one batch; returns the slots that may have more."""
        share = max(FAIR_SHARE, BATCH // len(slots))
        async with self._db.worker_read() as conn:
            rows = await inbox.fetch_ready(conn, slots=slots, share=share, limit=READ_MAX)
        if not rows:
            return []
        self.accepted += len(rows)
        try:
            for group, with_care in self._inherited.groups(rows):
                await self._take(await self._inherited.count(group) if with_care else group)
        except RowsMoved:
            # What is ready still is read again, before anything behind it: an edit must not overtake its message.
            log.info("inbox.rows_moved", rows=len(rows))
            return [slot for slot in slots if slot in self._open]
        if len(rows) == READ_MAX:
            return [slot for slot in slots if slot in self._open]
        counts = Counts(row.slot for row in rows)
        return [slot for slot, count in counts.items() if count >= share and slot in self._open]

    async def _take(self, rows: Sequence[InboxRow]) -> None:
        """Read rows and accept them; what cannot be read is buried."""
        understood, poisoned = await self._understand(rows)
        for row, reason in poisoned:
            await self._bury(row, reason)
        for batch in _batches(understood):
            await self._accept(batch)

    async def _understand(self, rows: Sequence[InboxRow]) -> tuple[list[Understood], list[tuple[InboxRow, str]]]:
        understood: list[Understood] = []
        poisoned: list[tuple[InboxRow, str]] = []
        assistants: set[tuple[UUID, UUID]] = set()
        for row in rows:
            bot = await self._find_bot(int(row.source)) if row.channel == "telegram" else None
            try:
                meaning = read(row, bot)
            except Poisoned as error:
                poisoned.append((row, str(error)))
                continue
            except Exception as error:
                # The boundary: bytes from outside must not stop the shard, whatever reading them does.
                log.exception("inbox.unreadable", row=row.id)
                poisoned.append((row, f"could not be read: {error!r}"))
                continue
            understood.append(Understood(row, meaning))
            if meaning.opening is not None:
                assistants.add((row.tenant_id, meaning.opening.assistant_id))
        for tenant_id, assistant_id in assistants:
            with suppress(NotFound):  # its turn will say so
                await self._find_assistant(tenant_id, assistant_id)
        return understood, poisoned

    async def _bury(self, row: InboxRow, reason: str) -> None:
        log.warning("inbox.poisoned", row=row.id, reason=reason)
        async with self._db.worker_tx() as conn:
            if not await lost_slots(conn, {row.slot: self._ownership.epoch(row.slot)}):
                await inbox.bury(conn, tenant_id=row.tenant_id, ids=[row.id], reason=reason)

    async def _accept(self, batch: list[Understood]) -> None:
        """Commit a batch. If one item spoils it, the items go one by one and only the bad one is dead-lettered."""
        slots = frozenset(item.row.slot for item in batch)
        self._accepting = slots
        self._idle.clear()
        try:
            await self._commit(batch)
        except Unavailable:
            self._doubtful |= slots
            self._on_doubt(slots)
            raise
        except (LostOwnership, RowsMoved):
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

    async def _commit(self, batch: list[Understood]) -> None:
        if batch[0].meaning.kind == "update":
            await self._note(batch[0])
            return
        held = {item.row.slot: self._ownership.epoch(item.row.slot) for item in batch}
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, held)
            live = [item for item in batch if item.row.slot not in lost] if lost else batch
            if not live:
                return
            accepted = await accept(conn, live, held, instant=self._instant_answer, is_busy=self._conversations.is_busy)
            crash_point("accept-written")
        crash_point("accept-committed")
        if accepted.sends:
            self._on_sends(accepted.sends)
        for dialog, item in accepted.pending:
            self._conversations.push(dialog, item)
        TURNS.labels("answered").inc(accepted.answered)
        await self._publisher.publish((events_channel(slot), event) for event, slot in accepted.events)

    async def _note(self, item: Understood) -> None:
        """An update that is no new message, or turns out to be one for us."""
        epoch = self._ownership.epoch(item.row.slot)
        if not await self._noting.accept(item.row, item.meaning, epoch):
            await self._commit([replace(item, meaning=replace(item.meaning, kind="message"))])

    def _instant_answer(self, dialog: LockedDialog, burst: Sequence[Pending]) -> Answer | None:
        assistant = self._known_assistant(dialog.tenant_id, dialog.assistant_id)
        if assistant is None:
            return None
        text = "\n".join(item.question for item in burst if item.question)
        fixed = without_asking(
            assistant,
            text=text,
            content=burst[0].content,
            command=burst[0].command,
            contact_language=dialog.contact_language,
        )
        return fixed or self._instant(assistant, text)


def _batches(understood: Sequence[Understood]) -> Iterator[list[Understood]]:
    """Messages together, in order; every other update alone."""
    batch: list[Understood] = []
    for item in understood:
        alone = item.meaning.kind == "update"
        if batch and (alone or len(batch) == BATCH):
            yield batch
            batch = []
        if alone:
            yield [item]
        else:
            batch.append(item)
    if batch:
        yield batch
