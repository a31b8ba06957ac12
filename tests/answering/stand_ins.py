"""What these tests put in place of the knowledge, the model and the clock."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.answering.model import Question, Said
from domain.assistants.model import Assistant
from domain.clients.chat import ChatRequest, Completion, LlmError
from domain.knowledge.model import Passage, QaMatch, Retrieval

TENANT = UUID(int=1)


class HandClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds


@dataclass
class Shelf:
    """Knowledge that knows fixed answers: by the query, else `otherwise`."""

    otherwise: Retrieval
    by_query: dict[str, Retrieval] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def retrieve(self, *, tenant_id: UUID, assistant_id: UUID, question: str, limit: int = 5) -> Retrieval:
        self.asked.append(question)
        return self.by_query.get(question, self.otherwise)


class Parrot:
    """A model that says the same pieces each time, then fails if told to."""

    default_model = "parrot"

    def __init__(self, *pieces: str, error: LlmError | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.requests: list[ChatRequest] = []
        self.closed = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | Completion, None]:
        self.requests.append(request)
        try:
            for piece in self.pieces:
                yield piece
            if self.error is not None:
                raise self.error
            yield Completion("parrot", 100, 10, "stop")
        finally:
            self.closed += 1


class Ears:
    """Collects what a turn emits."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def __call__(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def heard(self) -> str:
        return "".join(self.pieces)


def passage(text: str, *, title: str = "Returns", heading: str | None = None, **fields: Any) -> Passage:
    values: dict[str, Any] = {"page": None, "language": "en", "cosine": 0.9, "coverage": 0.8, "score": 0.7, **fields}
    return Passage(chunk_id=uuid4(), document_id=uuid4(), title=title, heading=heading, text=text, **values)


def found(*passages: Passage, pair: QaMatch | None = None, confident: bool = True) -> Retrieval:
    return Retrieval(pair=pair, passages=passages, confident=confident, embedded=True, language="en")


def pair(question: str, answer: str, language: str = "en") -> QaMatch:
    return QaMatch(pair_id=uuid4(), question=question, answer=answer, language=language, cosine=0.97)


NOTHING = found(confident=False)


def assistant(**fields: Any) -> Assistant:
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "id": UUID(int=2),
        "name": "Nora",
        "instructions": "Be kind.",
        "model": None,
        "temperature": 0.2,
        "language": "auto",
        "mode": "answer",
        **fields,
    }
    return Assistant(**values)


def ask(text: str, *before: str, contact: str | None = None, handoff_open: bool = False, **fields: Any) -> Question:
    """A question; `before` are the earlier messages, the customer's first, then the assistant's, and so on."""
    history = tuple(Said("customer" if i % 2 == 0 else "assistant", said) for i, said in enumerate(before))
    return Question(
        tenant_id=TENANT,
        dialog_id=UUID(int=3),
        turn_id=uuid4(),
        assistant=assistant(**fields),
        text=text,
        history=history,
        contact_language=contact,
        handoff_open=handoff_open,
    )
