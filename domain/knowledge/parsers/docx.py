"""DOCX: paragraphs, lists and tables under their headings. What it unpacks to is checked before it is unpacked."""

import re
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from docx import Document
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import LxmlError  # type: ignore[import-untyped]  # it ships no types

from domain.knowledge.model import Block
from domain.knowledge.parsers.outline import BROKEN, Outline, Unreadable

MAX_UNPACKED = 64_000_000  # bytes
MAX_MEMBERS = 2_000
TOO_MUCH = f"This file unpacks to more than {MAX_UNPACKED // 1_000_000} MB. Remove its pictures or split it."
_HEADING = re.compile(r"^heading (\d)$", re.IGNORECASE)


def parse_docx(data: bytes) -> list[Block]:
    """Blocks; Word keeps no page numbers. Raises Unreadable."""
    try:
        _check_size(data)
        document = Document(BytesIO(data))
        outline = Outline()
        items: list[str] = []
        for part in document.iter_inner_content():
            _read(part, outline, items)
        outline.text("\n".join(items))
    except (BadZipFile, OpcError, LxmlError, KeyError, ValueError, OSError, EOFError) as error:
        raise Unreadable(BROKEN) from error
    return outline.blocks()


def _check_size(data: bytes) -> None:
    """From the archive's directory; zipfile stops reading a member at the size declared there."""
    with ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise Unreadable(TOO_MUCH)


def _read(part: Paragraph | Table, outline: Outline, items: list[str]) -> None:
    """`items` gathers the items of a list, which become one block."""
    style = "" if isinstance(part, Table) else ((part.style.name if part.style else "") or "")
    if isinstance(part, Paragraph) and (style.startswith("List") or _is_numbered(part)):
        if part.text.strip():
            items.append(f"- {part.text.strip()}")
        return
    outline.text("\n".join(items))
    items.clear()
    if isinstance(part, Table):
        outline.text("\n".join(_row(part)))
    elif match := _HEADING.match(style):
        outline.heading(int(match[1]) + 1, part.text)
    elif style in {"Title", "title"}:
        outline.heading(1, part.text)
    else:
        outline.text(part.text)


def _is_numbered(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr  # python-docx has no public way to ask
    return properties is not None and properties.numPr is not None


def _row(table: Table) -> list[str]:
    """One line a row; a merged cell, which repeats in python-docx, is said once."""
    lines = []
    for row in table.rows:
        cells = [" ".join(cell.text.split()) for cell in row.cells]
        different = [cell for index, cell in enumerate(cells) if cell and (index == 0 or cell != cells[index - 1])]
        lines.append(" | ".join(different))
    return lines
