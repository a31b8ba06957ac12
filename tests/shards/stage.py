"""A stage for turns: what is around a dialog's queue, scripted."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from domain.answering.model import Answer, Emit, Question
from domain.assistants.model import Assistant
from domain.kit.clock import SystemClock
from domain.kit.errors import LostOwnership
from domain.kit.ids import uuid7
from domain.kit.tasks import Tasks
from shards.commits import Row, TurnResult
from shards.conversations import DialogRef, Pending
from shards.streaming import TurnStream
from shards.turn import Turn, TurnParts

TENANT, DIALOG = uuid7(), uuid7()
REF = DialogRef(TENANT, DIALOG, 5, "web", "site", str(DIALOG), uuid7())


def item(number: int, *, sender: str = "anna", **fields: Any) -> Pending:
    """Row `number` with its question."""
    return replace(
        Pending(TENANT, number, 5, 1, number, f"q{number}", sender, "text", None, True, suspect=False), **fields
    )


class Stage:
    """Stands in for the database, the assistant and the stream; `at` runs something at a named moment, once."""

    def __init__(self) -> None:
        self.at: dict[str, Callable[[], object]] = {}
        self.mode = "ai"
        self.states: dict[int, str] = {}
        self.attempts: dict[int, int] = {}
        self.answers: list[tuple[tuple[int, ...], str | None]] = []
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.over: list[UUID] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.lost = False
        self.tasks = Tasks("stage")

    def _moment(self, name: str) -> None:
        hook = self.at.pop(name, None)
        if hook is not None:
            hook()

    async def begin(self, rows: Sequence[Row]) -> list[int | None]:
        await asyncio.sleep(0)
        self._moment("begin")
        if self.lost:
            raise LostOwnership("lost")
        return [self._begun(row) for row in rows]

    def _begun(self, row: Row) -> int | None:
        if self.states.get(row.id, "accepted") not in {"accepted", "running"}:
            return None
        if self.states.get(row.id, "accepted") == "accepted":
            self.attempts[row.id] = self.attempts.get(row.id, 0) + 1
        self.states[row.id] = "running"
        return self.attempts[row.id]

    async def finish(self, result: TurnResult) -> bool:
        await asyncio.sleep(0)
        self._moment("finish")
        running = [row for row in result.rows if self.states.get(row) == "running"]
        for row in running:
            self.states[row] = "done"
        if result.answer is None or not running:
            return False
        self.answers.append((result.rows, result.answer.text))
        self._moment("committed")
        return True

    async def give_back(self, rows: list[Row]) -> None:
        for row in rows:
            if self.states[row.id] == "running":
                self.states[row.id] = "accepted"
                self.attempts[row.id] -= 1

    async def bury(self, row: Row, reason: str) -> None:
        del reason
        self.states[row.id] = "dead"

    async def answer(self, question: Question, emit: Emit) -> Answer:
        self.asked.append(question.text)
        self._moment("ask")
        await emit("...")
        await self.gate.wait()
        self._moment("answered")
        return Answer(question.text)

    def worker_read(self) -> "Stage":
        return self

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)
        self._moment("context")

    async def __aexit__(self, *_: object) -> None: ...

    async def find_assistant(self, *_: object) -> Assistant:
        return cast("Assistant", SimpleNamespace(greeting={}, mode="answer", id=uuid7()))

    def stream(self, _: object, turn_id: UUID, __: object) -> TurnStream:
        async def nothing(*_: object) -> None: ...

        async def end(state: str) -> None:
            self.ended.append(state)
            self.over.append(turn_id)

        async def settle() -> bool:
            return True

        return cast("TurnStream", SimpleNamespace(start=nothing, emit=nothing, settle=settle, end=end))

    def make_turn(self, dialog: DialogRef, items: list[Pending]) -> Turn:
        parts = TurnParts(
            db=cast("Any", self),
            ownership=cast("Any", SimpleNamespace(owns=lambda _: not self.lost, epoch=lambda _: 1)),
            commits=cast("Any", self),
            answering=cast("Any", self),
            find_assistant=self.find_assistant,
            stream=self.stream,
            clock=SystemClock(),
            tasks=self.tasks,
        )
        return Turn(parts, dialog, items)
