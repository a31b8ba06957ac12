"""An answer without a model: the sentences, the list or the table rows of a passage that fit the question best."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from domain.answering.hygiene import AnswerText, hosts_in
from domain.answering.sources import Source
from domain.answering.words import stems

MAX_SENTENCES = 3
MAX_CHARS = 700
FIRST_CHARS = 360  # of a passage of which no word was asked for
RANK_PRIOR = (0.35, 0.12, 0.0)  # the search saw the meaning, words are only the second opinion
HEAD_WEIGHT = 0.85  # words of the heading: what stands under it answers them without repeating them
LATER, LATEST = 0.03, 0.12  # the first sentences under a heading say the main thing
LONGER = 0.06  # a second and a third sentence must earn their place
OTHER_LANGUAGE = 0.25
_SENTENCE = re.compile(r"(?<=[.!?…])[\"»)]?\s+(?=[\"«(*]*[A-ZА-ЯЁ0-9])")
_ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_NUMBER = re.compile(r"^(?:\d+\.)+\s+")
_RULE = re.compile(r"^\|?\s*:?-{2,}")
_FOOTNOTE = re.compile(r" ?\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Extract:
    """The chosen words and the source they stand in (its index)."""

    text: str
    source: int


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph (sentences), a list (items) or a table (rows; `head` are its column names)."""

    kind: Literal["text", "list", "table"]
    heading: str
    units: tuple[str, ...]
    head: str = ""


@dataclass(frozen=True, slots=True)
class _Choice:
    score: float
    source: int
    block: _Block
    first: int
    last: int


def extract(sources: Sequence[Source], question: str, language: str) -> Extract:
    """The best extract of the first three sources. `sources` is not empty."""
    asked = stems(question)
    blocks = [(i, block) for i, source in enumerate(sources[: len(RANK_PRIOR)]) for block in _blocks(source)]
    weights = _weights(asked, [f"{block.heading} {' '.join(block.units)}" for _, block in blocks])
    choices = [
        choice
        for i, block in blocks
        for choice in _choices(i, block, weights, RANK_PRIOR[i] - _penalty(sources[i], language))
    ]
    best = max(choices, key=lambda choice: choice.score, default=None)
    if best is None or best.score <= RANK_PRIOR[0]:  # the words decide nothing: trust the search
        first = max(
            range(len(sources[: len(RANK_PRIOR)])), key=lambda i: RANK_PRIOR[i] - _penalty(sources[i], language)
        )
        return Extract(_cleaned(_beginning(sources[first]), sources[first]), first)
    return Extract(_cleaned(_rendered(best, weights), sources[best.source]), best.source)


def _penalty(source: Source, language: str) -> float:
    return 0.0 if source.language in {language, ""} else OTHER_LANGUAGE


def _weights(asked: set[str], texts: Sequence[str]) -> dict[str, float]:
    """Share of the question that each stem carries: rare ones among the candidates more. Sums up to 1."""
    seen = Counter(stem for text in texts for stem in stems(text) & asked)
    raw = {stem: math.log(1 + (len(texts) + 1) / (seen[stem] + 1)) for stem in asked}
    total = sum(raw.values())
    return {stem: weight / total for stem, weight in raw.items()}


def _cover(text: str, weights: dict[str, float]) -> float:
    return sum(weights.get(stem, 0.0) for stem in stems(text))


def _choices(source: int, block: _Block, weights: dict[str, float], prior: float) -> Iterator[_Choice]:
    """Runs of up to three sentences, or a whole list or table with the unit that fits best."""
    if block.kind == "text":
        for first in range(len(block.units)):
            for last in range(first, min(first + MAX_SENTENCES, len(block.units))):
                text = " ".join(block.units[first : last + 1])
                cost = LONGER * (last - first) + min(LATER * first, LATEST)
                score = _with_heading(text, block, weights) - cost
                yield _Choice(score + prior, source, block, first, last)
        return
    scores = [_with_heading(f"{unit} {block.head}", block, weights) for unit in block.units]
    best = max(range(len(scores)), key=scores.__getitem__)
    yield _Choice(scores[best] + prior, source, block, best, best)


def _with_heading(text: str, block: _Block, weights: dict[str, float]) -> float:
    own = _cover(text, weights)
    return own + HEAD_WEIGHT * (_cover(f"{text} {block.heading}", weights) - own)


def _rendered(choice: _Choice, weights: dict[str, float]) -> str:
    block = choice.block
    if block.kind == "text":
        last = choice.last
        if last == choice.first and len(block.units[last]) < 90 and last + 1 < len(block.units):
            last += 1  # a very short sentence rarely stands alone
        return _cut(" ".join(block.units[choice.first : last + 1]), MAX_CHARS)
    units = block.units
    best = units[choice.first]
    if block.kind == "table" and _cover(best, weights) > 0:
        top = _cover(best, weights)
        units = tuple(unit for unit in units if _cover(unit, weights) >= top - 1e-9)
    lines: list[str] = []
    room = MAX_CHARS
    for unit in units:
        room -= len(unit)
        if room < 0 and lines:
            break
        lines.append(unit)
    intro = block.head if block.kind == "list" and block.head else _last_heading(block.heading)
    return "\n".join([f"{intro.rstrip(':.')}:" if intro else "", *(_item(block, line) for line in lines)]).strip()


def _last_heading(path: str) -> str:
    """The innermost heading of a path, without its number."""
    return _NUMBER.sub("", path.rpartition("›")[2].strip())


def _item(block: _Block, line: str) -> str:
    if block.kind == "list":
        return line
    names = _cells(block.head) if block.head else []
    cells = _cells(line)
    pairs = [f"{name}: {cell}" if name else cell for name, cell in zip(names[1:], cells[1:], strict=False) if cell]
    if len(names) != len(cells):
        pairs = cells[1:]
    return f"- {cells[0]} — {'; '.join(pairs)}" if pairs else f"- {cells[0]}"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _blocks(source: Source) -> list[_Block]:
    """The passage as paragraphs, lists and tables, each under its heading."""
    blocks: list[_Block] = []
    heading = source.heading or source.title
    for kind, lines in _groups(source.text):
        if kind == "heading":
            heading = lines[0]
        elif kind == "table":
            rows = [line for line in lines if not _RULE.match(line)]
            if len(rows) > 1:
                blocks.append(_Block("table", heading, tuple(rows[1:]), rows[0]))
            else:
                blocks.append(_Block("text", heading, tuple(rows)))
        elif kind == "list" and blocks and blocks[-1].kind == "list" and blocks[-1].heading == heading:
            blocks[-1] = replace(blocks[-1], units=(*blocks[-1].units, *lines))  # only blank lines between the items
        elif kind == "list":
            intro = blocks[-1].units[-1] if blocks and blocks[-1].units[-1].endswith(":") else ""
            blocks.append(_Block("list", heading, tuple(lines), intro))
        else:
            blocks.append(_Block("text", heading, tuple(_SENTENCE.split(" ".join(lines)))))
    return [block for block in blocks if any(unit.strip() for unit in block.units)]


def _groups(text: str) -> Iterator[tuple[str, list[str]]]:
    """Consecutive lines of one kind: heading, table, list or text."""
    kind = ""
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        found = _kind(line, kind)
        if found in {"heading", "blank"} or found != kind:
            if lines:
                yield kind, lines
            kind, lines = found, []
        if found == "heading":
            yield found, [_HEADING.sub(r"\1", line)]
            kind = ""
        elif found == "list" and not _ITEM.match(line):
            lines[-1] += f" {line}"
        elif found != "blank":
            lines.append(line)
    if lines:
        yield kind, lines


def _kind(line: str, before: str) -> str:
    if not line:
        return "blank"
    if _HEADING.match(line):
        return "heading"
    if line.startswith("|") or " | " in line:
        return "table"
    if _ITEM.match(line) or before == "list":
        return "list"
    return "text"


def _beginning(source: Source) -> str:
    """The first sentences of the passage, or its list or table when it begins with one."""
    blocks = _blocks(source)
    if not blocks:
        return _cut(source.text.strip(), FIRST_CHARS)
    if blocks[0].kind != "text":
        return _rendered(_Choice(0.0, 0, blocks[0], 0, 0), {})
    said = ""
    for unit in (unit for block in blocks if block.kind == "text" for unit in block.units):
        if said and len(said) + len(unit) > FIRST_CHARS:
            break
        said = f"{said} {unit}".strip()
    return _cut(said, MAX_CHARS)


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, whole words."""
    return text if len(text) <= limit else f"{text[:limit].rsplit(' ', 1)[0]}…"


def _cleaned(text: str, source: Source) -> str:
    """The words as a customer may read them: footnotes, images and HTML of the document are not part of the answer."""
    clean = AnswerText(sources=0, allowed_hosts=hosts_in([source.text]))
    clean.feed(_FOOTNOTE.sub("", text))
    clean.finish()
    return clean.text.strip() or source.title
