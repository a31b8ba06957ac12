"""Grouped, fenced commits of turns: many conversations, one transaction.

begin   the rows of a turn are marked running, their attempt counted, before any work.
finish  {answer, handoff, outbox, usage, inbox done} at once, and only if the slot is still ours, the dialog is still in
        it, and an assistant still answers there.
Lock order: slots, dialogs, inbox, outbox.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.answering.model import Answer
from domain.billing import service as billing
from domain.billing.model import UsageRecord
from domain.bus import DialogEvent, Publisher, events_channel
from domain.dialogs import DialogLog, LockedDialog, MessageDraft
from domain.dialogs.model import AI_MODES
from domain.dialogs.service import telegram_sends
from domain.handoff import service as handoff
from domain.handoff.model import HandoffRequest
from domain.inbox import service as inbox
from domain.kit.batch import GroupCommit, all_of
from domain.kit.db import Conn, Database
from domain.kit.errors import LostOwnership
from domain.kit.fencing import lost_slots
from domain.outbox import OutboxRow
from domain.outbox import service as outbox

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

    `summary` is what an operator reads in the queue, if one is asked for.
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


@dataclass(slots=True)
class _Outcome:
    events: list[DialogEvent]
    sends: list[OutboxRow]
    committed: set[UUID]
    lost: frozenset[int]


class TurnCommits:
    """The commits of a shard's turns."""

    def __init__(self, db: Database, publisher: Publisher, on_sends: Callable[[Sequence[OutboxRow]], None]) -> None:
        self._db = db
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

    async def _flush_begins(self, rows: Sequence[Row]) -> list[int | None]:
        async with self._db.worker_tx() as conn:
            lost = await lost_slots(conn, {row.slot: row.epoch for row in rows})
            live = [row for row in rows if row.slot not in lost]
            attempts = await inbox.mark_running(conn, sorted((r.tenant_id, r.id, r.epoch) for r in live))
        return [_LOST if row.slot in lost else attempts.get(row.id) for row in rows]

    async def _flush_finishes(self, results: Sequence[TurnResult]) -> list[bool | None]:
        async with self._db.worker_tx() as conn:
            outcome = await _finish(conn, results)
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
        (result, result.answer, dialogs[result.dialog_id])
        for result in live
        if result.answer is not None and _may_speak(result, dialogs) and not done.isdisjoint(result.rows)
    ]
    drafts = [(dialog, _append(unit, result, answer, dialog)) for result, answer, dialog in spoken]
    await _request_handoffs(conn, unit, spoken)
    events = await unit.flush()
    sends = [send for dialog, draft in drafts if draft.delivery == "queued" for send in telegram_sends(dialog, draft)]
    rows = await outbox.enqueue(conn, sends)
    await billing.record_usage_many(conn, [_usage(result, answer) for result, answer, _ in spoken])
    return _Outcome(events, rows, {result.turn_id for result, _, _ in spoken}, lost)


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


def _append(unit: DialogLog, result: TurnResult, answer: Answer, dialog: LockedDialog) -> MessageDraft:
    telegram = dialog.channel == "telegram"
    draft = MessageDraft(
        id=result.message_id,
        role="assistant",
        text=answer.text,
        citations=[citation.to_json() for citation in answer.citations],
        turn_id=result.turn_id,
        delivery=("failed" if dialog.blocked else "queued") if telegram else "none",
        verified=answer.verified,
        receipt=answer.receipt,
    )
    unit.append(dialog, draft)
    return draft


async def _request_handoffs(
    conn: Conn, unit: DialogLog, spoken: Sequence[tuple[TurnResult, Answer, LockedDialog]]
) -> None:
    wanted = [(result, answer.handoff, dialog) for result, answer, dialog in spoken if answer.handoff]
    opened = await handoff.request_many(
        conn,
        [HandoffRequest(dialog.tenant_id, dialog.id, reason, result.summary) for result, reason, dialog in wanted],
    )
    for (_, reason, dialog), is_new in zip(wanted, opened, strict=True):
        if is_new:
            unit.set_mode(dialog, "requested", reason=reason)


def _usage(result: TurnResult, answer: Answer) -> UsageRecord:
    return UsageRecord(
        tenant_id=result.tenant_id,
        dialog_id=result.dialog_id,
        message_id=result.message_id,
        model=answer.usage.model,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )
