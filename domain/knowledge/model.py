"""What retrieval returns."""

from dataclasses import dataclass
from uuid import UUID


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
