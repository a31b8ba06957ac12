"""Headings, paragraphs, lists and tables of a source text: the small part of Markdown that the texts use."""

import itertools
from dataclasses import dataclass
from typing import Literal

Kind = Literal["h1", "h2", "text", "list", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `rows` holds one string for a heading or paragraph, one per item of a list, the cells of a table."""

    kind: Kind
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """The words of a heading or a paragraph."""
        return self.rows[0][0]


def _kind(line: str) -> Kind:
    for start, kind in (("# ", "h1"), ("## ", "h2"), ("- ", "list"), ("| ", "table")):
        if line.startswith(start):
            return kind  # type: ignore[return-value]  # the tuple above holds literals
    return "text"


def parse(source: str) -> list[Block]:
    """The blocks of `source` in order; bold marks are dropped."""
    blocks: list[Block] = []
    lines = (line.replace("**", "").strip() for line in source.splitlines())
    for kind, group in itertools.groupby((line for line in lines if line), key=_kind):
        rows = [_row(kind, line) for line in group if not line.startswith("| ---")]
        if kind in {"list", "table"}:
            blocks.append(Block(kind, tuple(rows)))
        else:
            blocks += [Block(kind, (row,)) for row in rows]
    return blocks


def _row(kind: Kind, line: str) -> tuple[str, ...]:
    if kind == "table":
        return tuple(cell.strip() for cell in line.strip("|").split("|"))
    return (line if kind == "text" else line.lstrip("#-").strip(),)
