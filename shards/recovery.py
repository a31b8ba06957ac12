"""What a new owner finds in a slot: accepted rows without an answer, and rows that ran when it died."""

from domain.bots.updates import Poisoned
from domain.dialogs import service as dialogs
from domain.inbox import service as inbox
from domain.kit.db import Database
from domain.kit.log import logger
from shards.bots import BotRegistry
from shards.conversations import Conversations, Pending
from shards.meaning import read
from shards.ownership import Ownership

log = logger(__name__)

PAGE = 500


class Recovery:
    """Puts the unanswered rows of new slots into their conversations."""

    def __init__(self, db: Database, ownership: Ownership, bots: BotRegistry, conversations: Conversations) -> None:
        self._db = db
        self._ownership = ownership
        self._bots = bots
        self._conversations = conversations

    async def gained(self, slots: frozenset[int]) -> None:
        """Read what waits there."""
        after = 0
        while True:
            async with self._db.worker_tx() as conn:
                rows = await inbox.fetch_unanswered(conn, slots=sorted(slots), after=after, limit=PAGE)
                found = await dialogs.find_dialogs(conn, [(r.tenant_id, r.dialog_id) for r in rows if r.dialog_id])
            for row in rows:
                dialog = found.get(row.dialog_id) if row.dialog_id else None
                epoch = self._ownership.held.get(row.slot)
                if dialog is None or row.message_seq is None or epoch is None:
                    continue
                bot = await self._bots.find(int(row.source)) if row.channel == "telegram" else None
                try:
                    meaning = read(row, bot)
                except Poisoned:
                    continue  # it was accepted once: it reads
                self._conversations.push(dialog, Pending.of(row, meaning, row.message_seq, epoch))
            if rows:
                log.info("recovery.found", rows=len(rows))
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Conversations do."""
        return self._conversations.freeze(slots)

    async def settle(self, slots: frozenset[int]) -> None:
        """Conversations do."""
        await self._conversations.settle(slots)

    def forget(self, slots: frozenset[int]) -> None:
        """Conversations do."""
        self._conversations.forget(slots)
