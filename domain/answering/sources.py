"""What an answer may rest on: passages, and a Q&A pair that is given to the model like one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.answering.model import Citation
from domain.knowledge.model import Passage, QaMatch

EXCERPT_CHARS = 280
PAIR_TITLE = "Q&A"


@dataclass(frozen=True, slots=True)
class Source:
    """One source; its number is its place in the list given to the model."""

    document_id: UUID | None
    title: str
    heading: str | None
    page: int | None
    text: str
    language: str

    def citation(self, n: int, *, excerpt: str | None = None) -> Citation:
        """The source as the answer's marker [n]."""
        return Citation(
            n=n,
            document_id=self.document_id,
            title=self.title,
            heading=self.heading,
            page=self.page,
            url=None,
            excerpt=shortened(excerpt or self.text),
        )


def of_passage(passage: Passage) -> Source:
    """A passage as a source."""
    return Source(
        document_id=passage.document_id,
        title=passage.title,
        heading=passage.heading,
        page=passage.page,
        text=passage.text,
        language=passage.language,
    )


def of_pair(pair: QaMatch) -> Source:
    """A Q&A pair as a source."""
    return Source(None, PAIR_TITLE, pair.question, None, pair.answer, pair.language)


def passage_receipt(passage: Passage) -> dict[str, Any]:
    """What the receipt keeps of a passage: enough to see later why it was chosen."""
    return {
        "id": str(passage.chunk_id),
        "document_id": str(passage.document_id),
        "title": passage.title,
        "heading": passage.heading,
        "score": round(passage.score, 4),
        "cosine": round(passage.cosine, 4),
        "coverage": round(passage.coverage, 4),
    }


def shortened(text: str) -> str:
    """One line of at most EXCERPT_CHARS characters, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= EXCERPT_CHARS:
        return line
    return line[: EXCERPT_CHARS - 1].rsplit(" ", 1)[0].rstrip(".,;:") + "…"
