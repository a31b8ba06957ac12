"""What a new owner finds in a slot: accepted rows without an answer, and rows that ran when it died.

And what an owner finds that lost sight of a row: a commit whose confirmation was lost leaves an accepted row that is in
nobody's queue. So the owned slots are looked through every few seconds.
"""

import asyncio

from domain.bots.updates import Poisoned
from domain.dialogs import service as dialogs
from domain.inbox import InboxRow
from domain.inbox import service as inbox
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.fencing import lost_slots
from domain.kit.log import logger
from shards.bots import BotRegistry
from shards.conversations import Conversations, Pending
from shards.meaning import read
from shards.ownership import Ownership

log = logger(__name__)

PAGE = 500
LOOK_EVERY = 5.0  # seconds between looks for rows that nobody here knows of


class Recovery:
    """Puts the unanswered rows of slots into their conversations."""

    def __init__(self, db: Database, ownership: Ownership, bots: BotRegistry, conversations: Conversations) -> None:
        self._db = db
        self._ownership = ownership
        self._bots = bots
        self._conversations = conversations
        self._open: set[int] = set()
        self._wake = asyncio.Event()

    def ring(self) -> None:
        """A dead letter was retried: its row is in nobody's queue."""
        self._wake.set()

    async def run(self) -> None:
        """Eternal: look for rows that are in nobody's queue."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._look()
            except (Unavailable, LostOwnership) as error:
                log.warning("recovery.paused", reason=error.detail)

    async def gained(self, slots: frozenset[int]) -> None:
        """Read what waits there."""
        await self.recover(slots)
        self._open |= slots

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Conversations do."""
        self._open -= slots
        return self._conversations.freeze(slots)

    async def settle(self, slots: frozenset[int]) -> None:
        """Conversations do."""
        await self._conversations.settle(slots)

    def forget(self, slots: frozenset[int]) -> None:
        """Conversations do."""
        self._open -= slots
        self._conversations.forget(slots)

    async def _look(self) -> None:
        slots = sorted(self._open)
        async with self._db.worker_tx() as conn:
            owed = await inbox.fetch_owed(conn, slots=slots) if slots else []
        missed = frozenset(slot for slot, row in owed if not self._conversations.knows(row)) & self._open
        if missed:
            await self.recover(missed)

    async def recover(self, slots: frozenset[int]) -> None:
        """Read what is owed there, and queue what is in nobody's queue. Raises Unavailable, LostOwnership."""
        after = 0
        while True:
            async with self._db.worker_tx() as conn:
                rows = await inbox.fetch_unanswered(conn, slots=sorted(slots), after=after, limit=PAGE)
                found = await dialogs.find_dialogs(conn, [(r.tenant_id, r.dialog_id) for r in rows if r.dialog_id])
            missing = [row for row in rows if not self._conversations.knows(row.id)]
            for row in missing:
                dialog = found.get(row.dialog_id) if row.dialog_id else None
                epoch = self._ownership.held.get(row.slot)
                if epoch is None:
                    continue
                if dialog is None or row.message_seq is None:
                    await self._bury(row, "its dialog was removed")
                elif (pending := await self._pending(row, row.message_seq, epoch)) is not None:
                    self._conversations.push(dialog, pending)
            if missing:
                log.info("recovery.found", rows=len(missing))
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def _pending(self, row: InboxRow, seq: int, epoch: int) -> Pending | None:
        """The row as a conversation takes it; None where nobody can answer any more."""
        bot = await self._bots.find(int(row.source)) if row.channel == "telegram" else None
        try:
            meaning = read(row, bot)
        except Poisoned as error:
            await self._bury(row, str(error))
            return None
        if meaning.opening is None:  # neither a message nor an edit
            await self._bury(row, meaning.reason)
            return None
        return Pending.of(row, meaning, seq, epoch)

    async def _bury(self, row: InboxRow, reason: str) -> None:
        log.warning("recovery.buried", row=row.id, reason=reason)
        async with self._db.worker_tx() as conn:
            if not await lost_slots(conn, {row.slot: self._ownership.epoch(row.slot)}):
                await inbox.bury(conn, tenant_id=row.tenant_id, ids=[row.id], reason=reason)
