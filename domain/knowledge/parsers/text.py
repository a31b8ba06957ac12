"""Plain text and Markdown, in whatever encoding they were saved."""

import re

from domain.knowledge.model import Block
from domain.knowledge.parsers.outline import Outline

_ATX = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_TITLE = re.compile(r"[^\W\d_][^\n]{1,58}[^\W_]")  # plain text: begins with a letter, ends without punctuation
_INLINE = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),  # an image: its description
    (re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)[^)]*\)"), r"\1 (\2)"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
)
_CYRILLIC = ("cp1251", "koi8-r", "cp866")
_FREQUENT = frozenset("оеаинтсрвл")


def decode(data: bytes) -> str:
    """Text from bytes: a byte order mark, else UTF-8, else the Cyrillic code page that reads best, else cp1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    best = max((data.decode(name, "replace") for name in _CYRILLIC), key=_russian_share)
    return best if _russian_share(best) > 0.2 else data.decode("cp1252", "replace")


def parse_text(data: bytes) -> list[Block]:
    """Paragraphs; a short first line without a full stop, as people write headings where there are none, is one."""
    outline = Outline()
    for paragraph in re.split(r"\n\s*\n", decode(data).replace("\r\n", "\n").replace("\r", "\n")):
        first, _, rest = paragraph.strip().partition("\n")
        if rest and _TITLE.fullmatch(first.strip()) and len(first) < len(rest):
            outline.heading(2, first)
            outline.text(rest)
        elif first.isupper() and not rest and len(first) <= 100:
            outline.heading(1, first)
        else:
            outline.text(paragraph)
    return outline.blocks()


def parse_markdown(data: bytes) -> list[Block]:
    """Paragraphs, lists and tables under their headings; marks of emphasis are removed, links keep their address."""
    outline = Outline()
    waiting: list[str] = []
    fenced = False

    def flush() -> None:
        outline.text(_plain("\n".join(waiting)))
        waiting.clear()

    for line in decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            waiting.append(line)
        elif match := _ATX.match(line):
            flush()
            outline.heading(len(match[1]), _plain(match[2]))
        elif waiting and waiting[-1].strip() and "|" not in waiting[-1] and (match := _SETEXT.match(line)):
            title = waiting.pop()
            flush()
            outline.heading(1 if match[1].startswith("=") else 2, _plain(title))
        elif not line.strip():
            flush()
        elif not _TABLE_RULE.match(line):
            waiting.append(_row(line))
    flush()
    return outline.blocks()


def _plain(text: str) -> str:
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text


def _row(line: str) -> str:
    """A table's row without its outer bars."""
    stripped = line.strip()
    return stripped.strip("|").strip() if stripped.startswith("|") else line


def _russian_share(text: str) -> float:
    """The share of frequent Russian letters among what is not ASCII: high for the right code page only."""
    foreign = [character for character in text[:20_000] if ord(character) > 127]
    return sum(character in _FREQUENT for character in foreign) / len(foreign) if foreign else 0.0
