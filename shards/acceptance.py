"""One batch of the inbox on its way into its dialogs, under their locks.

A message whose answer needs no thought (an echo, a greeting, content without words) is answered in the same
transaction: nothing runs between its beginning and its end, so there is no attempt to count and no turn to lose. The
rest waits for its turn. Order is kept: a dialog where something waits, or where one message of the batch needs a turn,
gets turns for all of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.answering.model import Answer
from domain.bus import DialogEvent
from domain.dialogs import DialogLog, LockedDialog, MessageDraft
from domain.dialogs.model import AI_MODES
from domain.dialogs.opening import lock_or_open
from domain.inbox import AcceptedRow, InboxRow
from domain.inbox import service as inbox
from domain.kit.db import Conn
from domain.kit.ids import uuid7
from domain.kit.records import record
from domain.outbox import OutboxRow
from shards.answers import Spoken, speak
from shards.conversations import Pending, may_fold
from shards.meaning import Meaning
from shards.noting import Extra, find_muted, note_extras

Instant = Callable[[LockedDialog, Sequence[Pending]], Answer | None]
"""The answer to a burst of messages, if it is known without asking anybody."""


class RowsMoved(Exception):
    """A row of the batch is not ready any more: somebody discarded it, or a commit's confirmation was lost."""


@record(frozen=True, slots=True)
class Understood:
    """A row and what it means."""

    row: InboxRow
    meaning: Meaning


@dataclass(slots=True)
class Accepted:
    """What a batch came to: events with their slots, sends, and what wants a turn."""

    events: list[tuple[DialogEvent, int]]
    sends: list[OutboxRow]
    pending: list[tuple[LockedDialog, Pending]]
    answered: int


async def accept(
    conn: Conn,
    batch: Sequence[Understood],
    held: Mapping[int, int],
    *,
    instant: Instant,
    is_busy: Callable[[UUID], bool],
) -> Accepted:
    """Append the batch's messages, and the answers that are known. `held` is slot -> epoch, fenced by the caller.

    Raises RowsMoved; then nothing of it happened, and the rest of the batch is still ready.
    """
    openings = [item.meaning.opening for item in batch if item.meaning.opening is not None]
    dialogs = await lock_or_open(conn, openings) if openings else {}
    unit = DialogLog(conn)
    unit.adopt(dialogs.values())
    marks: list[AcceptedRow] = []
    wanting: dict[UUID, tuple[LockedDialog, list[Pending]]] = {}
    muted = await find_muted(conn, (item.meaning for item in batch))
    extras: list[Extra] = []
    for item in batch:
        row, meaning = item.row, item.meaning
        if meaning.opening is None:
            marks.append(AcceptedRow(row.tenant_id, row.id, None, None, "done"))
            continue
        dialog = dialogs[meaning.opening.key]
        draft = meaning.draft()
        seq = _append(unit, dialog, draft)
        if draft.attachments or meaning.start:
            extras.append(Extra(dialog, draft, meaning.start))
        may_reply = not muted or (row.tenant_id, int(dialog.source), meaning.connection_id) not in muted
        if meaning.reply and may_reply and dialog.mode in AI_MODES:
            one = Pending.of(row, meaning, seq, held[row.slot])
            wanting.setdefault(dialog.id, (dialog, []))[1].append(one)
        else:
            marks.append(AcceptedRow(row.tenant_id, row.id, dialog.id, seq, "done"))
    spoken, pending, decided = _decide(wanting.values(), instant=instant, is_busy=is_busy)
    marks += decided
    marks.sort(key=lambda mark: mark.id)
    if await inbox.mark_accepted(conn, marks) != len(marks):
        raise RowsMoved
    events, sends = await speak(conn, unit, spoken)
    await note_extras(conn, extras)
    slot_of = {dialog.id: dialog.slot for dialog in dialogs.values()}
    return Accepted([(event, slot_of[event.dialog_id]) for event in events], sends, pending, len(spoken))


def _decide(
    wanting: Iterable[tuple[LockedDialog, list[Pending]]], *, instant: Instant, is_busy: Callable[[UUID], bool]
) -> tuple[list[Spoken], list[tuple[LockedDialog, Pending]], list[AcceptedRow]]:
    """What is answered now, what waits for its turn, and the marks of their rows."""
    spoken: list[Spoken] = []
    marks: list[AcceptedRow] = []
    pending: list[tuple[LockedDialog, Pending]] = []
    for dialog, items in wanting:
        # The rest of an album may still be on its way.
        wait = is_busy(dialog.id) or any(one.album for one in items)
        known = None if wait else _answers(dialog, items, instant)
        if known is None:
            marks += (AcceptedRow(one.tenant_id, one.row_id, dialog.id, one.seq, "accepted") for one in items)
            pending += ((dialog, one) for one in items)
            continue
        for burst, answer in known:
            said = Spoken(dialog, uuid7(), uuid7(), answer, reply_to=burst[-1].message_id)
            spoken.append(said)
            marks += (
                AcceptedRow(one.tenant_id, one.row_id, dialog.id, one.seq, "done", said.message_id) for one in burst
            )
    return spoken, pending, marks


def _append(unit: DialogLog, dialog: LockedDialog, draft: MessageDraft) -> int:
    if dialog.blocked:
        unit.set_blocked(dialog, False)
    return unit.append(dialog, draft)


def _answers(
    dialog: LockedDialog, items: Sequence[Pending], instant: Instant
) -> list[tuple[Sequence[Pending], Answer]] | None:
    """Each burst with its answer; None if any of them needs a turn."""
    found: list[tuple[Sequence[Pending], Answer]] = []
    for burst in _bursts(items):
        answer = instant(dialog, burst)
        if answer is None or answer.handoff is not None:
            return None
        found.append((burst, answer))
    return found


def _bursts(items: Sequence[Pending]) -> list[list[Pending]]:
    """As a turn would take them."""
    bursts = [[items[0]]]
    for item in items[1:]:
        if may_fold(bursts[-1], item):
            bursts[-1].append(item)
        else:
            bursts.append([item])
    return bursts
