"""One queue per dialog, one running turn per queue.

A burst of short messages becomes one answer: messages of the same sender fold into a turn that has not committed yet.
Rows that were running when their owner died are re-run each in a turn of its own, and carefully (rooms.py), so that a
row that kills the process reaches the dead letter after three attempts and takes no neighbour along.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol, Self
from uuid import UUID

from domain.dialogs import Dialog, LockedDialog
from domain.inbox import InboxRow
from domain.inbox.service import MAX_TURN_ATTEMPTS
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.log import bound, logger
from domain.kit.metrics import gauge
from domain.kit.records import record
from domain.kit.tasks import Tasks
from shards.meaning import Meaning
from shards.rooms import Quarantine, TurnRoom

log = logger(__name__)

TURNS = 64  # running at once in one shard; the rest wait their turn
TENANT_TURNS = 48  # of them for one tenant: somebody who is flooded leaves room for the others
SUSPECTS = 8  # re-runs at once after a death, see shards/rooms.py
GRACE = 2.0  # seconds a running turn gets when its slot is handed over
RETRY_AFTER = 1.0  # seconds before a turn that failed is run again
MAX_FAILURES = 3  # of a turn by its own fault; then a person is asked for

RUNNING = gauge("replyx_turns_running", "Turns running now")


@dataclass(frozen=True, slots=True)
class DialogRef:
    """The dialog a queue belongs to."""

    tenant_id: UUID
    id: UUID
    slot: int
    channel: str
    source: str
    address: str
    assistant_id: UUID

    @classmethod
    def of(cls, dialog: Dialog | LockedDialog) -> Self:
        """From a dialog however it was read."""
        return cls(**{name: getattr(dialog, name) for name in cls.__slots__})


@record(frozen=True, slots=True)
class Pending:
    """An accepted row that waits for its answer.

    `suspect`: its last turn ended with the death of its process; `attempts`: turns begun before. `failures`: turns
    that raised what nobody expected.
    `quoted`, `album` and `message_id` are as in Meaning.
    """

    tenant_id: UUID
    row_id: int
    slot: int
    epoch: int
    seq: int
    question: str
    sender: str
    content: str
    command: str | None
    private: bool
    suspect: bool
    failures: int = 0
    attempts: int = 0
    quoted: tuple[str, str] | None = None
    album: str | None = None
    message_id: int = 0

    @classmethod
    def of(cls, row: InboxRow, meaning: Meaning, seq: int, epoch: int) -> Self:
        """From a row and what it means."""
        return cls(
            tenant_id=row.tenant_id,
            row_id=row.id,
            slot=row.slot,
            epoch=epoch,
            seq=seq,
            question=meaning.question,
            sender=meaning.sender,
            content=meaning.content,
            command=meaning.command,
            private=meaning.private,
            suspect=row.state == "running",
            attempts=row.attempts,
            quoted=meaning.quoted,
            album=meaning.album,
            message_id=meaning.message_id,
        )


class RunningTurn(Protocol):
    """A turn as its queue sees it."""

    async def run(self) -> None:
        """To the end. Raises LostOwnership, Unavailable."""
        ...

    def fold(self, item: Pending) -> bool:
        """Take one more message in, if it is not too late for that."""
        ...

    def stop(self, draft_id: int) -> None:
        """The customer wants no more of the answer that this draft shows."""
        ...

    async def give_back(self) -> None:
        """It was interrupted: its rows wait for the next owner."""
        ...

    async def give_up(self, reason: str) -> None:
        """It failed too often: end its rows. Raises LostOwnership, Unavailable."""
        ...

    @property
    def items(self) -> list[Pending]:
        """The rows it was given, folded ones too."""
        ...


class TurnFactory(Protocol):
    """Makes a turn."""

    def __call__(self, dialog: DialogRef, items: list[Pending]) -> RunningTurn:
        """For these rows of this dialog."""
        ...


@dataclass(slots=True)
class _Queue:
    dialog: DialogRef
    waiting: deque[Pending] = field(default_factory=deque)
    turn: RunningTurn | None = None
    task: asyncio.Task[None] | None = None
    quiet_until: float = 0.0  # on the loop's clock: when an album that waits is taken for complete


class Conversations:
    """The queues of a shard."""

    def __init__(self, make_turn: TurnFactory) -> None:
        self._make_turn = make_turn
        self._queues: dict[UUID, _Queue] = {}
        self._known: set[int] = set()
        self._frozen: set[int] = set()
        self._tasks = Tasks("conversations")
        self._room = TurnRoom(TURNS, TENANT_TURNS)
        self._suspects = Quarantine(SUSPECTS)

    def __len__(self) -> int:
        return len(self._queues)

    def knows(self, row_id: int) -> bool:
        """Whether the row is in a queue or a turn here."""
        return row_id in self._known

    def is_busy(self, dialog_id: UUID) -> bool:
        """Whether something waits or runs in this dialog: what comes now is behind it."""
        return dialog_id in self._queues

    def push(self, dialog: Dialog | LockedDialog, item: Pending) -> None:
        """An accepted row waits for its answer; pushing it again changes nothing."""
        if item.row_id in self._known:
            return
        self._known.add(item.row_id)
        queue = self._queues.get(dialog.id)
        if queue is None:
            queue = self._queues[dialog.id] = _Queue(DialogRef.of(dialog))
        if queue.turn is not None and not queue.waiting and queue.turn.fold(item):
            return
        queue.waiting.append(item)
        if item.album is not None:
            queue.quiet_until = asyncio.get_running_loop().time() + ALBUM_QUIET
        if queue.task is None and item.slot not in self._frozen:
            queue.task = self._tasks.short("turns", self._work(queue))

    def stop_turn(self, source: str, address: str, draft_id: int) -> None:
        """The customer stopped the answer that is being written there."""
        for queue in self._queues.values():
            if queue.turn is not None and (queue.dialog.source, queue.dialog.address) == (source, address):
                queue.turn.stop(draft_id)

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Start no turn in these; returns those with one running."""
        self._frozen |= slots
        return frozenset(q.dialog.slot for q in self._queues.values() if q.turn is not None) & slots

    async def settle(self, slots: frozenset[int]) -> None:
        """Running turns get two seconds; then they are aborted, and asked again by the next owner."""
        running = [q.task for q in self._queues.values() if q.task is not None and q.dialog.slot in slots]
        if running:
            _, late = await asyncio.wait(running, timeout=GRACE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more: their queues belong to somebody else."""
        for dialog_id in [key for key, queue in self._queues.items() if queue.dialog.slot in slots]:
            queue = self._queues.pop(dialog_id)
            self._forget_rows(queue.waiting)
            if queue.task is not None:
                queue.task.cancel()
        self._frozen -= slots

    async def stop(self) -> None:
        """Cancel everything, committing nothing."""
        await self._tasks.stop()

    async def _work(self, queue: _Queue) -> None:
        """Run the queue's turns until it is empty; then it is evicted."""
        with bound(dialog_id=str(queue.dialog.id)):
            while queue.waiting and queue.dialog.slot not in self._frozen:
                await self._one_turn(queue)
        queue.task = None
        if not queue.waiting and self._queues.get(queue.dialog.id) is queue:
            del self._queues[queue.dialog.id]

    async def _album(self, queue: _Queue) -> None:
        """Wait until no more of an album comes: each of its pictures is an update of its own."""
        loop = asyncio.get_running_loop()
        if any(item.album for item in queue.waiting):
            while (wait := queue.quiet_until - loop.time()) > 0:  # noqa: ASYNC110  # it waits for silence
                await asyncio.sleep(wait)

    async def _one_turn(self, queue: _Queue) -> None:
        again: list[Pending] = []
        await self._album(queue)
        async with self._place(queue):
            if queue.dialog.slot in self._frozen:
                return
            turn = queue.turn = self._make_turn(queue.dialog, _take(queue.waiting))
            RUNNING.inc()
            try:
                again = await self._outcome(turn)
            except asyncio.CancelledError:
                self._forget_rows(turn.items)
                await turn.give_back()
                raise
            finally:
                queue.turn = None
                RUNNING.dec()
        if not again:
            self._forget_rows(turn.items)
            return
        queue.waiting.extendleft(reversed(again))
        await asyncio.sleep(RETRY_AFTER)

    def _place(self, queue: _Queue) -> AbstractAsyncContextManager[None]:
        first = queue.waiting[0]
        if first.suspect:
            return self._suspects.place(alone=first.attempts >= MAX_TURN_ATTEMPTS - 1)
        return self._room.place(first.tenant_id)

    async def _outcome(self, turn: RunningTurn) -> list[Pending]:
        """Run a turn; returns the rows that want another one."""
        try:
            await turn.run()
        except LostOwnership as error:
            log.info("turn.lost", reason=error.detail)
        except Unavailable as error:
            log.warning("turn.postponed", reason=error.detail)
            return turn.items
        except Exception as error:
            # The boundary: a dialog must not fall silent because one of its turns met a fault of ours.
            log.exception("turn.failed")
            return await self._failed(turn, error)
        return []

    async def _failed(self, turn: RunningTurn, error: Exception) -> list[Pending]:
        failures = 1 + max(item.failures for item in turn.items)
        again = [replace(item, failures=failures) for item in turn.items]
        if failures < MAX_FAILURES:
            return again
        try:
            await turn.give_up(f"failed {failures} times: {error!r}")
        except LostOwnership as lost:
            log.info("turn.lost", reason=lost.detail)
        except Unavailable:
            return again
        return []

    def _forget_rows(self, items: Iterable[Pending]) -> None:
        self._known.difference_update(item.row_id for item in items)


def _take(waiting: deque[Pending]) -> list[Pending]:
    """The next turn's rows: what waits from one sender, up to five; a suspect, a failed one and a command go alone. An
    album stays together, whatever else."""
    items = [waiting.popleft()]
    while waiting and may_fold(items, waiting[0]):
        items.append(waiting.popleft())
    return items


FOLD_MAX = 5  # messages in one turn, beside those of an album
ALBUM_QUIET = 1.5  # seconds after a picture of an album in which another one may follow


def may_fold(items: list[Pending], item: Pending) -> bool:
    """Whether one more message belongs to the same question."""
    if item.album is not None and item.album == items[-1].album:
        return True
    if len(items) >= FOLD_MAX:
        return False
    alone = any(other.suspect or other.command or other.failures for other in (*items, item))
    return not alone and item.sender == items[0].sender
