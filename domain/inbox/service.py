"""The inbox's use cases. `InboxWriter.put` returns after the commit: only then may anyone answer 2xx."""

import asyncio
from collections import Counter as Counts
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from domain.bus import Bell, Bells, Publisher, bell_channel, bells_channel
from domain.inbox import queries
from domain.inbox.model import Arrival
from domain.inbox.rules import cause_of_death
from domain.kit.batch import GroupCommit, all_of
from domain.kit.crashpoints import crash_point
from domain.kit.db import Conn
from domain.kit.metrics import Counter
from domain.kit.tasks import Tasks

MAX_TURN_ATTEMPTS = 3
SINGLE_BELLS = 4  # slots of a batch that are rung one by one; more share one message that every shard hears

ACCEPTED = Counter("replyx_inbox_accepted_total", "Updates stored, by channel", ["channel"])
DEAD = Counter("replyx_inbox_dead_total", "Rows dead-lettered, by reason", ["reason"])
DUPLICATES = Counter("replyx_inbox_duplicates_total", "Updates that were there already, by channel", ["channel"])

Transaction = Callable[[], AbstractAsyncContextManager[Conn]]


class InboxWriter:
    """Group-commits arrivals of one process and rings the slots' owners.

    Bells are hints: nobody who waits for a commit waits for Redis, and what is committed while one message is on its
    way there is rung with the next.
    """

    def __init__(self, transaction: Transaction, publisher: Publisher) -> None:
        self._transaction = transaction
        self._publisher = publisher
        self._batch: GroupCommit[Arrival, bool] = GroupCommit(
            "inbox", self._flush, max_items=500, size=lambda arrival: len(arrival.raw)
        )
        self._tasks = Tasks("inbox")
        self._unrung: set[int] = set()
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begin accepting; needs the running loop."""
        self._batch.start()
        self._tasks.eternal("bells", self._ring())

    async def close(self) -> None:
        """Commit what waits, ring for it, and stop."""
        await self._batch.close()
        await self._ring_once()
        await self._tasks.stop()

    async def put(self, arrival: Arrival) -> bool:
        """Store one arrival; True if it is new, False if it was there. Raises Unavailable, having stored nothing
        that the caller may acknowledge."""
        return await self._batch.add(arrival)

    def submit(self, arrival: Arrival) -> asyncio.Future[bool]:
        """The same without waiting: a future of `put`'s result. Raises Unavailable when too many wait already."""
        return self._batch.submit(arrival)

    async def put_all(self, arrivals: Sequence[Arrival]) -> None:
        """Store several; returns when all are committed. Raises Unavailable if any is not."""
        await all_of([self._batch.submit(arrival) for arrival in arrivals])

    async def _flush(self, arrivals: Sequence[Arrival]) -> list[bool]:
        async with self._transaction() as conn:
            fresh = await queries.insert_arrivals(conn, arrivals)
            crash_point("inbox-written")
        crash_point("inbox-committed")
        new = [(a.channel, a.source, a.source_id) in fresh for a in arrivals]
        for (channel, is_new), count in Counts(zip((a.channel for a in arrivals), new, strict=True)).items():
            (ACCEPTED if is_new else DUPLICATES).labels(channel).inc(count)
        self._unrung.update(a.slot for a, is_new in zip(arrivals, new, strict=True) if is_new)
        self._wake.set()
        return new

    async def _ring(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._ring_once()

    async def _ring_once(self) -> None:
        slots, self._unrung = sorted(self._unrung), set()
        await self._publisher.publish(_bells(slots))


async def supersede(conn: Conn, *, tenant_id: UUID, slot: int, dialog_id: UUID, seq: int) -> bool:
    """A message was edited before it was answered: its row is over, the edit's row takes its place. False if it was
    answered already, or wants no answer."""
    return bool(await conn.fetch(queries.SUPERSEDE, tenant_id, slot, dialog_id, seq))


def _bells(slots: list[int]) -> list[tuple[str, Bell | Bells]]:
    if len(slots) > SINGLE_BELLS:
        return [(bells_channel(), Bells(tuple(slots)))]
    return [(bell_channel(slot), Bell(slot, "inbox")) for slot in slots]


async def bury(conn: Conn, *, tenant_id: UUID, ids: Sequence[int], reason: str) -> None:
    """Dead-letter rows with the reason a person will read."""
    DEAD.labels(cause_of_death(reason)).inc(len(ids))
    await conn.execute(queries.MARK_DEAD, tenant_id, ids, reason)


async def hold_running(conn: Conn, *, tenant_id: UUID, row_id: int, epoch: int) -> bool:
    """Whether a turn of this epoch still works on the row; if so, it does until this transaction ends."""
    return bool(await conn.fetch(queries.HOLD_RUNNING, tenant_id, row_id, epoch))


async def forget_old(conn: Conn, *, limit: int) -> int:
    """Delete up to `limit` keys and as many finished rows older than three days; returns how many went."""
    deleted = [await conn.execute(statement, limit) for statement in (queries.DELETE_OLD_KEYS, queries.DELETE_OLD_ROWS)]
    return sum(int(tag.rpartition(" ")[2]) for tag in deleted)


fetch_ready = queries.fetch_ready
fetch_unanswered = queries.fetch_unanswered
fetch_owed = queries.fetch_owed
newest_ready = queries.newest_ready
count_reading = queries.count_reading
mark_accepted = queries.mark_accepted
mark_running = queries.mark_running
mark_done = queries.mark_done
give_back = queries.give_back
