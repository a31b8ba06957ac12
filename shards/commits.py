"""Grouped, fenced commits of turns: many conversations, one transaction.

begin   the rows of a turn are marked running, their attempt counted, before any work.
finish  {answer, handoff, outbox, usage, inbox done} at once, and only if the slot is still ours, the dialog is still in
        it, and an assistant still answers there.
Lock order: slots, dialogs, inbox, outbox.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.answering.model import Answer
from domain.bots.addresses import Address
from domain.bus import DialogEvent, Publisher, events_channel
from domain.dialogs import DialogLog, LockedDialog
from domain.dialogs.model import AI_MODES
from domain.inbox import service as inbox
from domain.kit.batch import GroupCommit, all_of
from domain.kit.crashpoints import crash_point
from domain.kit.db import Conn, Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.fencing import lost_slots
from domain.outbox import OutboxRow, previews
from domain.outbox.previews import Preview
from shards.answers import Spoken, speak

_LOST = -1  # instead of a row's attempts: its slot is somebody else's


@dataclass(frozen=True, slots=True)
class Row:
    """An inbox row under its owner's epoch."""

    tenant_id: UUID
    id: int
    slot: int
    epoch: int


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn came to. `answer` None: the rows are done without one (a person answers there now).

    `summary` is what an operator reads in the queue, if one is asked for; `reply_to` is Telegram's id of the last
    message that is answered. `editable`: no edit of the turn's preview is under way.
    """

    tenant_id: UUID
    dialog_id: UUID
    slot: int
    epoch: int
    turn_id: UUID
    rows: tuple[int, ...]
    summary: str
    message_id: UUID
    answer: Answer | None
    reply_to: int = 0
    editable: bool = True


@dataclass(slots=True)
class _Outcome:
    events: list[DialogEvent]
    sends: list[OutboxRow]
    committed: set[UUID]
    lost: frozenset[int]


class TurnCommits:
    """The commits of a shard's turns."""

    def __init__(
        self,
        db: Database,
        publisher: Publisher,
        on_sends: Callable[[Sequence[OutboxRow]], None],
        on_doubt: Callable[[Iterable[int]], None],
    ) -> None:
        self._db = db
        self._on_doubt = on_doubt
        self._publisher = publisher
        self._on_sends = on_sends
        self._begins: GroupCommit[Row, int | None] = GroupCommit("turn-begin", self._flush_begins)
        self._finishes: GroupCommit[TurnResult, bool | None] = GroupCommit("turn-finish", self._flush_finishes)

    def start(self) -> None:
        """Begin; needs the running loop."""
        self._begins.start()
        self._finishes.start()

    async def close(self) -> None:
        """Commit what waits and stop."""
        await self._begins.close()
        await self._finishes.close()

    async def begin(self, rows: Sequence[Row]) -> list[int | None]:
        """A turn starts on these rows; returns the attempts of each, this one counted, or None for a row that wants no
        answer any more (a commit whose confirmation was lost). Raises LostOwnership, Unavailable."""
        attempts = await all_of([self._begins.submit(row) for row in rows])
        if _LOST in attempts:
            raise LostOwnership("the slot moved on")
        return attempts

    async def finish(self, result: TurnResult) -> bool:
        """Commit a turn; False if somebody else answered meanwhile. Raises LostOwnership, Unavailable."""
        committed = await self._finishes.add(result)
        if committed is None:
            raise LostOwnership(f"slot {result.slot} moved on")
        return committed

    async def give_back(self, rows: Sequence[Row]) -> None:
        """Interrupted rows wait for the next owner; their attempt does not count."""
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, {row.slot: row.epoch for row in rows})
            await inbox.give_back(conn, [(row.tenant_id, row.id) for row in rows if row.slot not in lost])

    async def bury(self, row: Row, reason: str) -> None:
        """Dead-letter a row."""
        async with self._db.worker_tx() as conn:
            if not await lost_slots(conn, {row.slot: row.epoch}):
                await inbox.bury(conn, tenant_id=row.tenant_id, ids=[row.id], reason=reason)
                await previews.end_of_row(conn, tenant_id=row.tenant_id, inbox_id=row.id)

    async def _flush_begins(self, rows: Sequence[Row]) -> list[int | None]:
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, {row.slot: row.epoch for row in rows})
            live = [row for row in rows if row.slot not in lost]
            attempts = await inbox.mark_running(conn, sorted((r.tenant_id, r.id, r.epoch) for r in live))
        crash_point("turn-begun")
        return [_LOST if row.slot in lost else attempts.get(row.id) for row in rows]

    async def _flush_finishes(self, results: Sequence[TurnResult]) -> list[bool | None]:
        try:
            async with self._db.worker_tx() as conn:
                outcome = await _finish(conn, results)
                crash_point("answer-written")
        except Unavailable:
            self._on_doubt([result.slot for result in results])
            raise
        crash_point("answer-committed")
        slot_of = {result.dialog_id: result.slot for result in results}
        await self._publisher.publish((events_channel(slot_of[e.dialog_id]), e) for e in outcome.events)
        if outcome.sends:
            self._on_sends(outcome.sends)
        return [None if r.slot in outcome.lost else r.turn_id in outcome.committed for r in results]


async def _finish(conn: Conn, results: Sequence[TurnResult]) -> _Outcome:
    lost = await lost_slots(conn, {result.slot: result.epoch for result in results})
    live = [result for result in results if result.slot not in lost]
    unit = DialogLog(conn)
    dialogs = await unit.lock((result.tenant_id, result.dialog_id) for result in live)
    done = await inbox.mark_done(conn, sorted(_marks(live, dialogs), key=lambda mark: mark[1]))
    spoken = [
        _spoken(result, result.answer, dialogs[result.dialog_id])
        for result in live
        if result.answer is not None and _may_speak(result, dialogs) and not done.isdisjoint(result.rows)
    ]
    edits = await _end_previews(conn, live, {one.turn_id: one.dialog for one in spoken})
    events, rows = await speak(conn, unit, spoken, edits)
    return _Outcome(events, rows, {one.turn_id for one in spoken}, lost)


async def _end_previews(conn: Conn, live: Sequence[TurnResult], spoken: dict[UUID, LockedDialog]) -> dict[UUID, int]:
    """Which of the turns' previews their answers take the place of: dialog -> message; the others are removed."""
    if not live:
        return {}
    ended = await previews.end(conn, [(result.tenant_id, result.dialog_id) for result in live])
    if not ended:
        return {}
    result_of = {result.dialog_id: result for result in live}
    edits: dict[UUID, int] = {}
    for preview in ended:
        result = result_of[preview.dialog_id]
        dialog = spoken.get(result.turn_id)
        if dialog is not None and preview.telegram_message_id is not None and _takes(result, dialog, preview):
            edits[preview.dialog_id] = preview.telegram_message_id
    await previews.remove(conn, [(one.tenant_id, one.id) for one in ended if one.dialog_id not in edits])
    return edits


def _takes(result: TurnResult, dialog: LockedDialog, preview: Preview) -> bool:
    """Whether an answer takes the place of a preview: it is of these rows, and still where the dialog is."""
    return (
        result.editable
        and preview.state == "sent"
        and preview.inbox_id in result.rows
        and not dialog.blocked
        and (str(preview.bot_id), preview.chat_id) == (dialog.source, Address.parse(dialog.address).chat_id)
    )


def _spoken(result: TurnResult, answer: Answer, dialog: LockedDialog) -> Spoken:
    return Spoken(dialog, result.message_id, result.turn_id, answer, result.summary, result.reply_to)


def _may_speak(result: TurnResult, dialogs: dict[UUID, LockedDialog]) -> bool:
    """An operator may have taken over mid-turn, or the dialog moved to another channel."""
    dialog = dialogs.get(result.dialog_id)
    return dialog is not None and dialog.mode in AI_MODES and dialog.slot == result.slot


def _marks(live: Sequence[TurnResult], dialogs: dict[UUID, LockedDialog]) -> list[tuple[UUID, int, int, UUID | None]]:
    return [
        (result.tenant_id, row, result.epoch, result.message_id if _may_speak(result, dialogs) else None)
        for result in live
        for row in result.rows
    ]
