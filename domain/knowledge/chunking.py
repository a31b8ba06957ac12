"""Blocks to passages: along the document's structure, each with its heading path and page, none lost."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from semantic_text_splitter import TextSplitter

from domain.knowledge.model import Block, Draft
from domain.knowledge.rules import detect_language

# Characters. The local model reads ~512 tokens at once (about 1,500 characters); shorter passages are also the better
# citations. A section under a heading stays whole up to MAX_CHARS and is never mixed with its neighbour.
MAX_CHARS: Final = 1_200
WANTED_CHARS: Final = 800
OVERLAP_CHARS: Final = 120  # a sentence or so, where a section has to be cut
HEADING_SEPARATOR: Final = " › "

_SPLITTER = TextSplitter((WANTED_CHARS, MAX_CHARS), overlap=OVERLAP_CHARS)


def passages(blocks: Sequence[Block]) -> list[Draft]:
    """The passages of a document, in order. Every word of every block is in at least one of them."""
    drafts: list[Draft] = []
    for headings, section in groupby(blocks, key=lambda block: block.headings):
        heading = HEADING_SEPARATOR.join(headings) or None
        drafts.extend(
            Draft(len(drafts) + index, heading, page, text, detect_language(text))
            for index, (text, page) in enumerate(_split(list(section)))
        )
    return drafts


def _split(section: Sequence[Block]) -> Iterator[tuple[str, int | None]]:
    """(text, page) of each passage of one section."""
    text = ""
    starts: list[tuple[int, int | None]] = []
    for block in section:
        text += "\n\n" if text else ""
        starts.append((len(text), block.page))
        text += block.text
    if len(text) <= MAX_CHARS:
        yield text, starts[0][1]
        return
    for offset, piece in _SPLITTER.chunk_indices(text):
        yield piece, [page for start, page in starts if start <= offset][-1]
