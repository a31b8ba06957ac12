"""One turn: mark its rows running, ask, stream, commit."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from domain.answering import handoff_summary
from domain.answering.model import Answer, Question, Said
from domain.answering.sentences import sentence
from domain.answering.service import Answering
from domain.assistants.model import Assistant
from domain.dialogs import Dialog
from domain.dialogs import service as dialogs
from domain.dialogs.model import AI_MODES
from domain.inbox.service import MAX_TURN_ATTEMPTS
from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.ids import uuid7
from domain.kit.log import logger
from domain.kit.metrics import Counter, Histogram
from domain.kit.tasks import Tasks
from shards.answers import without_asking
from shards.commits import Row, TurnCommits, TurnResult
from shards.conversations import DialogRef, Pending, may_fold
from shards.ownership import Ownership
from shards.streaming import TurnStream

log = logger(__name__)

FOLD_WITHIN = 8.0  # seconds from the start of a turn in which messages still fold into it
HISTORY = 12  # messages of context

TURNS = Counter("replyx_turns_total", "Turns by how they ended", ["end"])
SECONDS = Histogram(
    "replyx_turn_seconds", "From a turn's start to its commit", buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 15, 60)
)

FindAssistant = Callable[[UUID, UUID], Awaitable[Assistant]]


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What every turn of a shard works with."""

    db: Database
    ownership: Ownership
    commits: TurnCommits
    answering: Answering
    find_assistant: FindAssistant
    stream: Callable[[DialogRef, UUID, Pending], TurnStream]
    clock: Clock
    tasks: Tasks


class Turn:
    """Answers some rows of one dialog once."""

    def __init__(self, parts: TurnParts, dialog: DialogRef, items: list[Pending]) -> None:
        self._parts = parts
        self._dialog = dialog
        self._given = list(items)
        self._items = list(items)  # those of the given that still want an answer
        self._begun: set[int] = set()
        self._turn_id = uuid7()
        self._started = parts.clock.monotonic()
        self._stream = parts.stream(dialog, self._turn_id, items[0])
        self._asking: asyncio.Task[Answer] | None = None
        self._language = "en"
        self._refold = False
        self._committing = False
        self._stopped = False
        self._editable = True  # no edit of a preview may still arrive
        self._attempts = 1
        self._summary = ""

    @property
    def items(self) -> list[Pending]:
        """The rows it was given, folded ones too."""
        return self._given

    def fold(self, item: Pending) -> bool:
        """Take one more message in: what was being asked is asked again with it."""
        late = self._committing or self._parts.clock.monotonic() - self._started > FOLD_WITHIN
        if late or not self._items or not may_fold(self._items, item):
            return False
        if item.album is not None and item.album != self._items[-1].album:
            return False  # the rest of it is to come: it is collected first
        self._given.append(item)
        self._items.append(item)
        self._refold = True
        if self._asking is not None:
            self._asking.cancel()
        return True

    def stop(self, draft_id: int) -> None:
        """The customer wants no more of it: what was said so far is the answer."""
        if draft_id == draft_id_of(self._turn_id) and not self._committing:
            self._stopped = True
            if self._asking is not None:
                self._asking.cancel()

    async def run(self) -> None:
        """To its commit. Raises LostOwnership, Unavailable."""
        with SECONDS.time():
            try:
                answer = await self._ask_until_settled()
                if self._items:
                    await self._commit(answer)
            except (LostOwnership, Unavailable):
                await self._stream.end("aborted")
                raise

    async def give_up(self, reason: str) -> None:
        """It failed too often: the customer gets a polite sentence and a person is asked for; if even that cannot be
        committed, its rows are dead. Raises LostOwnership, Unavailable."""
        TURNS.labels("dead").inc()
        try:
            await self._commit(_fault(self._language, again=False))
        except (LostOwnership, Unavailable):
            raise
        except Exception:
            log.exception("turn.given_up", reason=reason)
            await self._stream.end("aborted")
            for item in self._items:
                await self._parts.commits.bury(self._row(item), reason)

    async def give_back(self) -> None:
        """It was interrupted; the next owner asks again."""
        TURNS.labels("aborted").inc()
        await self._stream.end("aborted")
        rows = [self._row(item) for item in self._items if item.row_id in self._begun]
        try:
            if rows and self._parts.ownership.owns(self._dialog.slot):
                await self._parts.commits.give_back(rows)
        except (Unavailable, LostOwnership) as error:
            log.warning("turn.not_given_back", reason=error.detail)

    async def _ask_until_settled(self) -> Answer | None:
        """The answer to everything that folded in; None where an assistant may not answer any more.

        A message may fold in at any await: nothing is committed before a round in which none did.
        """
        while True:
            answer: Answer | None = None
            self._refold = False
            await self._begin()
            context = await self._context() if self._items else None
            if context is not None and not self._refold:
                answer = await self._ask(context)
            if not self._refold:
                self._committing = True
                return answer
            if context is not None:
                self._editable &= await self._stream.settle()
                await self._stream.end("aborted")
                self._turn_id = uuid7()  # what is asked again is a turn of its own: clients have dropped this one
                self._stream = self._parts.stream(self._dialog, self._turn_id, self._items[0])

    async def _begin(self) -> None:
        """Count the attempt of rows that are new here; those that want no answer any more are dropped."""
        new = [item for item in self._items if item.row_id not in self._begun]
        counted = await self._parts.commits.begin([self._row(item) for item in new])
        for item, attempts in zip(new, counted, strict=True):
            if attempts is not None and attempts <= MAX_TURN_ATTEMPTS:
                self._begun.add(item.row_id)
                self._attempts = max(self._attempts, attempts)
                continue
            if attempts is not None:
                TURNS.labels("dead").inc()
                reason = f"the worker died {MAX_TURN_ATTEMPTS} times while answering it"
                await self._parts.commits.bury(self._row(item), reason)
            self._items.remove(item)

    async def _context(self) -> Question | None:
        dialog = self._dialog
        async with self._parts.db.worker_read() as conn:
            found = (await dialogs.find_dialogs(conn, [(dialog.tenant_id, dialog.id)])).get(dialog.id)
            if found is None or found.mode not in AI_MODES:
                return None
            asked = [item.seq for item in self._items]
            said = await dialogs.history(
                conn, tenant_id=dialog.tenant_id, dialog_id=dialog.id, asked=asked, limit=HISTORY
            )
        assistant = await self._parts.find_assistant(dialog.tenant_id, dialog.assistant_id)
        question = self._question(found, assistant, said)
        self._summary = handoff_summary(question)
        self._language = (found.contact_language or "en")[:2]
        return question

    def _question(self, found: Dialog, assistant: Assistant, said: list[tuple[str, str]]) -> Question:
        # An edit has the seq of the message that it changed: the later row has the words that hold.
        asked = {item.seq: item.question for item in self._items}
        quoted = [item.quoted for item in self._items if item.quoted is not None and item.quoted not in said]
        said = [*said, *dict.fromkeys(quoted)]
        return Question(
            tenant_id=found.tenant_id,
            dialog_id=found.id,
            turn_id=self._turn_id,
            assistant=assistant,
            text="\n".join(filter(None, asked.values())),
            history=tuple(Said(role, text) for role, text in said),  # type: ignore[arg-type]  # the column's CHECK
            contact_language=found.contact_language,
            handoff_open=found.mode == "requested",
        )

    async def _ask(self, question: Question) -> Answer | None:
        """Ask in a task of its own, so that a folding message can interrupt it; None when one did."""
        await self._stream.start()
        if self._folded():
            return None
        self._asking = self._parts.tasks.short("ask", self._answer(question))
        try:
            await asyncio.wait([self._asking])
        except asyncio.CancelledError:
            self._asking.cancel()
            await asyncio.wait([self._asking])
            raise
        if not self._asking.cancelled():
            return self._asking.result()
        if self._stopped and not self._folded():
            return _cut_short(self._stream.text, self._language)
        if not self._folded():
            raise asyncio.CancelledError  # the worker is stopping
        return None

    def _folded(self) -> bool:
        return self._refold

    async def _answer(self, question: Question) -> Answer:
        first = self._items[0]
        fixed = without_asking(
            question.assistant,
            text=question.text,
            content=first.content,
            command=first.command,
            contact_language=question.contact_language,
        )
        if fixed is not None:
            return fixed
        try:
            return await self._parts.answering.answer(question, self._emit)
        except (LostOwnership, Unavailable):
            raise
        except Exception:
            # A fault of ours must not leave the customer without a word: a person is asked for.
            log.exception("turn.failed", attempts=self._attempts)
            return _fault((question.contact_language or "en")[:2], again=question.handoff_open)

    async def _emit(self, piece: str) -> None:
        self._parts.ownership.epoch(self._dialog.slot)
        await self._stream.emit(piece)

    async def _commit(self, answer: Answer | None) -> None:
        self._editable &= await self._stream.settle()
        result = TurnResult(
            tenant_id=self._dialog.tenant_id,
            dialog_id=self._dialog.id,
            slot=self._dialog.slot,
            epoch=self._items[0].epoch,
            turn_id=self._turn_id,
            rows=tuple(item.row_id for item in self._items),
            summary=self._summary,
            message_id=uuid7(),
            answer=answer,
            reply_to=self._items[-1].message_id,
            editable=self._editable,
        )
        crash_point("answer-ready")
        spoken = await self._parts.commits.finish(result)
        TURNS.labels("answered" if spoken else "silent").inc()
        await self._stream.end("done" if spoken else "aborted")

    def _row(self, item: Pending) -> Row:
        return Row(item.tenant_id, item.row_id, item.slot, item.epoch)


def draft_id_of(turn_id: UUID) -> int:
    """The id of the preview that shows a turn's text in Telegram: 31 bits, not 0."""
    return (turn_id.int & 0x7FFFFFFF) or 1


def _cut_short(text: str, language: str) -> Answer:
    """What was said until the customer stopped it; without its sources, so without their marks."""
    said = re.sub(r"\s*\[\d+\]", "", text).strip()
    return Answer(f"{said}..." if said else sentence("stopped", language), receipt={"way": "stopped"})


def _fault(language: str, *, again: bool) -> Answer:
    text = sentence("model_failed_open" if again else "model_failed", language)
    return Answer(text, handoff="model_failed", receipt={"way": "fault"})
