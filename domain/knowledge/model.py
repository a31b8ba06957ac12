"""What retrieval returns, and what documents are made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal["text", "markdown", "html", "pdf", "docx"]
DocumentState = Literal["queued", "parsing", "embedding", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question. Scores: `cosine` -1..1 of the vectors; `score` 0..1 after fusion, comparable
    within one search only; `coverage` 0..1 share of the question's content words found in the chunk."""

    chunk_id: UUID
    document_id: UUID
    title: str
    heading: str | None
    page: int | None
    text: str
    language: str
    cosine: float
    coverage: float
    score: float


@dataclass(frozen=True, slots=True)
class QaMatch:
    """A Q&A pair whose question is close enough to be the answer (cosine over the pair's own threshold)."""

    pair_id: UUID
    question: str
    answer: str
    language: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What the knowledge says to one question: a verified pair, the best passages, and whether they suffice.

    `confident` is the refusal decision: more than one signal (cosine, margin to the rest, word coverage), because
    the local model's scores lie close together. `embedded` is False when only full text could be searched.
    """

    pair: QaMatch | None
    passages: tuple[Passage, ...]
    confident: bool
    embedded: bool
    language: str


@dataclass(frozen=True, slots=True)
class Document:
    """An uploaded file. `progress` 0..1; `error` is one sentence for the tenant when `state` is "failed"."""

    tenant_id: UUID
    id: UUID
    assistant_id: UUID | None
    title: str
    file_name: str
    media_type: str
    size: int
    blob_id: UUID
    language: str | None
    state: DocumentState
    progress: float
    error: str | None
    chunk_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with its verified answer. `threshold` is the least cosine (null: the default); `embedded` is False
    until the job has made its vector."""

    tenant_id: UUID
    id: UUID
    assistant_id: UUID | None
    question: str
    answer: str
    language: str
    threshold: float | None
    enabled: bool
    embedded: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table of a parsed file: the headings above it, outermost first; its page from 1."""

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before it has a vector: its place in the document, its heading path, its text and language."""

    ordinal: int
    heading: str | None
    page: int | None
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Word:
    """A content word of a question: the lexemes it may be indexed as; `share` 0..1 of the tenant's (sampled) passages
    that have one of them."""

    text: str
    lexemes: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class PairCandidate:
    """A Q&A pair with its cosine and the words of the question in its own question and in all of it;
    `question_words` is how many lexemes its question has."""

    id: UUID
    question: str
    answer: str
    language: str
    threshold: float | None
    cosine: float
    in_question: list[str]
    in_pair: list[str]
    question_words: int


@dataclass(frozen=True, slots=True)
class Background:
    """The cosines of a sample of the tenant's passages to one question: what "not about it" looks like."""

    mean: float
    deviation: float
    sampled: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that a search brought up: its cosine to the question, its cosine to questions in general (`hub`), and
    the words of the question that it has. Both are None without a vector of the current index."""

    id: UUID
    document_id: UUID
    title: str
    heading: str | None
    page: int | None
    text: str
    language: str
    cosine: float | None
    hub: float | None
    found: list[str]
