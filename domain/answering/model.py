"""A turn's input and its outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from domain.assistants.model import Assistant
from domain.kit.records import record

Emit = Callable[[str], Awaitable[None]]
"""Receives the answer's text as it grows, piece by piece; raises LostOwnership when the turn must stop."""


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier message of the dialog."""

    role: Literal["customer", "assistant", "operator", "system"]
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What one turn answers: the customer's messages folded into one text, and what came before."""

    tenant_id: UUID
    dialog_id: UUID
    turn_id: UUID
    assistant: Assistant
    text: str
    history: tuple[Said, ...] = ()
    contact_language: str | None = None
    handoff_open: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of the answer; `n` is its marker [n] in the text."""

    n: int
    document_id: UUID | None
    title: str
    heading: str | None
    page: int | None
    url: str | None
    excerpt: str

    def to_json(self) -> dict[str, Any]:
        """The shape of the API, of SSE and of the `citations` column."""
        return {
            "n": self.n,
            "document_id": str(self.document_id) if self.document_id else None,
            "title": self.title,
            "heading": self.heading,
            "page": self.page,
            "url": self.url,
            "excerpt": self.excerpt,
        }


@record(frozen=True, slots=True)
class Usage:
    """What the model was paid for."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


@record(frozen=True, slots=True)
class Answer:
    """The outcome of a turn. `handoff` is the reason a person is needed, if one is ("asked" | "unknown" |
    "model_failed"); the text already says so to the customer."""

    text: str
    citations: tuple[Citation, ...] = ()
    verified: bool = False
    handoff: Literal["asked", "unknown", "model_failed"] | None = None
    usage: Usage = field(default_factory=lambda: Usage("none"))
    receipt: dict[str, Any] = field(default_factory=dict)
