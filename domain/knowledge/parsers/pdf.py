"""PDF: the text of each page, its headings told by their type size, without running headers and footers."""

import re
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pypdf import PageObject, PdfReader, overwrite_configuration
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError, WrongPasswordError

from domain.knowledge.formats import ENCRYPTED
from domain.knowledge.model import Block
from domain.knowledge.parsers.outline import BROKEN, Outline, Unreadable

STREAM_LIMIT = 16_000_000  # bytes one stream may unpack to; pypdf's own limit is 75 MB
MAX_PAGES = 2_000
TOO_MANY_PAGES = f"This PDF has more than {MAX_PAGES:,} pages. Split it and upload the parts."
SHORT_LINE = 0.7  # a line shorter than this share of the longest was not broken for want of room
HEADING_RATIO = 1.15  # type larger than the body's by this much is a heading
_NEW_PARAGRAPH = re.compile(r"^\s*(?:[-•*–—]\s|\d{1,3}[.)]\s)")
_SENTENCE_END = (".", "!", "?", ":", ";", "…")


@dataclass
class _Line:
    text: str
    size: float


def parse_pdf(data: bytes) -> list[Block]:
    """Blocks with their pages. Raises Unreadable."""
    overwrite_configuration(
        maximum_declared_stream_length=STREAM_LIMIT,
        array_based_stream_maximum_output_length=STREAM_LIMIT,
        lzw_maximum_output_length=STREAM_LIMIT,
        run_length_maximum_output_length=STREAM_LIMIT,
        zlib_maximum_output_length=STREAM_LIMIT,
        brotli_maximum_output_length=STREAM_LIMIT,
    )
    try:
        pages = _pages(PdfReader(BytesIO(data), strict=False))
    except (FileNotDecryptedError, WrongPasswordError, DependencyError) as error:
        raise Unreadable(ENCRYPTED) from error
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        raise Unreadable(BROKEN) from error  # pypdf meets damage with whatever Python raises there
    return _blocks(pages)


def _pages(reader: PdfReader) -> list[list[_Line]]:
    if reader.is_encrypted and not reader.decrypt(""):  # an empty password opens files that only forbid printing
        raise Unreadable(ENCRYPTED)
    if len(reader.pages) > MAX_PAGES:
        raise Unreadable(TOO_MANY_PAGES)
    return [_lines(page) for page in reader.pages]


def _lines(page: PageObject) -> list[_Line]:
    """The page's lines with their type size, as far as it is known (0 otherwise)."""
    sizes: dict[str, float] = {}

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        scale = abs(tm[3] or tm[1]) * abs(cm[3] or cm[1])
        for line in text.splitlines():
            if key := " ".join(line.split()):
                sizes[key] = size * scale

    text = page.extract_text(visitor_text=visit)
    found = [_Line(line, sizes.get(" ".join(line.split()), 0.0)) for line in text.splitlines()]
    return [line for line in found if line.text.strip()]


def _blocks(pages: list[list[_Line]]) -> list[Block]:
    running = _running_lines(pages)
    body = _body_size(pages)
    levels = _heading_levels(pages, body)
    outline = Outline()
    for number, page in enumerate(pages, start=1):
        paragraph = ""
        width = max((len(line.text) for line in page), default=0)
        for line in page:
            if _key(line.text) in running:
                continue
            level = levels.get(round(line.size, 1))
            if level is not None:
                outline.text(paragraph, number)
                outline.heading(level, line.text, number)
                paragraph = ""
            elif paragraph and _starts_paragraph(paragraph, line.text):
                outline.text(paragraph, number)
                paragraph = line.text
            else:
                paragraph = _joined(paragraph, line.text, width)
        outline.text(paragraph, number)
    return outline.blocks()


def _key(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.split()))


def _running_lines(pages: list[list[_Line]]) -> frozenset[str]:
    """Lines at the edge of most pages (numbers aside): headers, footers, page numbers."""
    edges = Counter(key for page in pages for key in {_key(line.text) for line in (*page[:2], *page[-2:])})
    return frozenset(key for key, count in edges.items() if len(pages) >= 3 and count > len(pages) * 0.6)


def _body_size(pages: list[list[_Line]]) -> float:
    """The type size that most characters have."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _heading_levels(pages: list[list[_Line]], body: float) -> dict[float, int]:
    sizes = {round(line.size, 1) for page in pages for line in page if line.size > body * HEADING_RATIO and body > 0}
    return {size: level for level, size in enumerate(sorted(sizes, reverse=True), start=1)}


def _starts_paragraph(before: str, line: str) -> bool:
    if _NEW_PARAGRAPH.match(line):
        return True
    return before.rstrip().endswith(_SENTENCE_END) and len(before.rsplit("\n", 1)[-1]) > 400


def _joined(before: str, line: str, width: int) -> str:
    """Visual lines to running text: a word broken at the line's end is put together; a line that left room (`width`
    is the page's longest) ended there on purpose, as the rows of a table do."""
    line = line.strip()
    if re.search(r"[^\W\d_]-$", before) and line[:1].islower():
        return before[:-1] + line
    if not before:
        return line
    return f"{before}{' ' if len(before.rpartition(chr(10))[2]) > width * SHORT_LINE else chr(10)}{line}"
