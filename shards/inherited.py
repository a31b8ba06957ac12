"""Rows that a new owner finds unread: its predecessor may have died of reading one of them.

Reading is not counted while all is well: it would cost every update one more write. What lies unread when a slot is
gained is read with care instead: a group is counted and committed before it is read, and rows that were counted under
an earlier owner go alone. So a row that kills its process reaches the dead letter after three counted attempts (and the
first one, which nobody counted), and whoever was read beside it is through long before.
"""

from collections.abc import Iterator, Sequence

from domain.inbox import InboxRow
from domain.inbox import service as inbox
from domain.kit.db import Database
from domain.kit.fencing import lost_slots
from domain.kit.log import logger
from shards.ownership import Ownership

log = logger(__name__)

TOGETHER = 64  # rows that nobody has died of yet, counted and read in one go


class Inherited:
    """What is read with care."""

    def __init__(self, db: Database, ownership: Ownership) -> None:
        self._db = db
        self._ownership = ownership
        self._newest: dict[int, int] = {}  # by slot: the last row that was there when we came

    async def gained(self, slots: frozenset[int]) -> None:
        """See what lies there. Raises Unavailable."""
        async with self._db.worker_read() as conn:
            self._newest |= await inbox.newest_ready(conn, slots=sorted(slots))

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        for slot in slots:
            self._newest.pop(slot, None)

    def groups(self, rows: Sequence[InboxRow]) -> Iterator[tuple[Sequence[InboxRow], bool]]:
        """The rows in lists that may be read together, those of each slot in their order; True: count them first."""
        if not self._newest:
            yield rows, False
            return
        old = [row for row in rows if row.id <= self._newest.get(row.slot, 0)]
        new = [row for row in rows if row.id > self._newest.get(row.slot, 0)]
        together: list[InboxRow] = []
        for row in old:
            if together and (row.attempts or len(together) == TOGETHER):
                yield together, True
                together = []
            if row.attempts:
                yield [row], True
            else:
                together.append(row)
        if together:
            yield together, True
        if new:
            self.forget(frozenset(row.slot for row in new))  # a slot's older rows come first: they are all read
            yield new, False

    async def count(self, rows: Sequence[InboxRow]) -> list[InboxRow]:
        """These are about to be read: committed before anything is tried. Returns those that may be; a row of which
        owners died too often is buried. Raises Unavailable, LostOwnership."""
        held = {row.slot: self._ownership.epoch(row.slot) for row in rows}
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, held)
            ours = sorted((row.tenant_id, row.id, held[row.slot]) for row in rows if row.slot not in lost)
            counted = await inbox.count_reading(conn, ours)
            killers = [row for row in rows if counted.get(row.id, 0) > inbox.MAX_TURN_ATTEMPTS]
            for row in killers:
                log.warning("inbox.poisoned", row=row.id, reason=_REASON)
                await inbox.bury(conn, tenant_id=row.tenant_id, ids=[row.id], reason=_REASON)
        return [row for row in rows if 0 < counted.get(row.id, 0) <= inbox.MAX_TURN_ATTEMPTS]


_REASON = f"the worker died {inbox.MAX_TURN_ATTEMPTS} times while reading it"
