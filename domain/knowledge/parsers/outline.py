"""Collects headings and texts in reading order into blocks, each under its heading path."""

import re

from domain.knowledge.model import Block

BROKEN = "This file is damaged and cannot be read. Save it again in the program that made it and upload it again."
TOO_COMPLEX = "This file is too large or too complex to be read. Split it, or save it as text, and upload that."
NO_TEXT = "There is no text in this file; it may be a scan. Upload a version with text in it."

_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b\ufeff\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f]+")
_MAX_HEADING = 200  # characters; a longer "heading" is a paragraph in large type


class Unreadable(Exception):
    """The file cannot be used. The message is one sentence for the tenant: what it is and what to do."""


def clean(text: str) -> str:
    """The text without what Postgres or a reader cannot use: control characters, lone surrogates, runs of spaces."""
    lines = (_SPACES.sub(" ", line).strip() for line in _UNWANTED.sub("", text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class Outline:
    """Feed it `heading` and `text` in order, then take `blocks`."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._used = True  # does any block stand under the newest heading?
        self._page: int | None = None
        self._blocks: list[Block] = []

    def heading(self, level: int, text: str, page: int | None = None) -> None:
        """A heading of level 1 (outermost) and deeper."""
        text = " ".join(clean(text).split())
        if not text:
            return
        if len(text) > _MAX_HEADING:
            self.text(text, page)
            return
        if not self._used and self._path[-1][0] >= level:
            self._keep_lonely_heading()
        self._path = [(depth, name) for depth, name in self._path if depth < level]
        self._path.append((level, text))
        self._used = False
        self._page = page

    def text(self, text: str, page: int | None = None) -> None:
        """A paragraph, list or table under the current headings."""
        text = clean(text)
        if text:
            self._blocks.append(Block(text, tuple(name for _, name in self._path), page))
            self._used = True

    def blocks(self) -> list[Block]:
        """Everything, in order. Raises Unreadable when there is nothing."""
        if not self._used:
            self._keep_lonely_heading()
        if not self._blocks:
            raise Unreadable(NO_TEXT)
        return self._blocks

    def _keep_lonely_heading(self) -> None:
        """A heading with nothing under it is text of its own, or it would be lost."""
        names = tuple(name for _, name in self._path)
        self._blocks.append(Block(names[-1], names[:-1], self._page))
        self._used = True
