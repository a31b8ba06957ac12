"""What every parser writes into: UTF-8 bytes, counted in UTF-16 units on the way."""

import re
from typing import Any

Entity = dict[str, Any]

_USER_LINK = re.compile(r"tg://user/?\?id=(\d+)$", re.I)
_HOST_PORT_PATH = re.compile(r"(?:[a-z0-9_-]+@)?[^\s/?#@:]+\.[^\s/?#@:.]{2,}(?::\d+)?(?:[/?#]\S*)?$", re.I)


class FormatError(Exception):
    """Why the text cannot be parsed, in the server's words (without "can't parse entities: ")."""


def utf16_length(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class Output:
    """The text so far. `units` is its length in UTF-16 units."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.units = 0
        self.entities: list[Entity] = []

    def byte(self, value: int) -> None:
        """Append one byte of UTF-8."""
        if value & 0xC0 != 0x80:
            self.units += 2 if value >= 0xF0 else 1
        self.data.append(value)

    def char(self, code: int) -> None:
        """Append a code point."""
        for value in chr(code).encode("utf-8", "surrogatepass"):
            self.byte(value)

    def entity(self, kind: str, start: int, **extra: Any) -> None:
        """Close an entity that began at `start`; an empty one is dropped."""
        if self.units > start:
            self.entities.append({"type": kind, "offset": start, "length": self.units - start, **extra})

    def link(self, start: int, url: str) -> None:
        """Close a link: a text_link, a mention of a user, or nothing for an address that is none."""
        user = _USER_LINK.match(url)
        if user:
            self.entity("text_mention", start, user={"id": int(user[1]), "is_bot": False, "first_name": ""})
            return
        checked = checked_link(url)
        if checked:
            self.entity("text_link", start, url=checked)

    def finish(self) -> tuple[str, list[Entity]]:
        """The text and its entities in order."""
        self.entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return self.data.decode("utf-8", "replace"), self.entities


def checked_link(url: str) -> str:
    """The address as Telegram stores it ("http://" and a slash added); "" when it is not one."""
    url = url.strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        if url.lower().startswith(("tel:", "mailto:")):
            return url
        scheme, rest = "http", url
    if scheme.lower() in {"tg", "ton", "tonsite"}:
        return url
    if scheme.lower() not in {"http", "https", "ftp"} or not _HOST_PORT_PATH.match(rest):
        return "" if rest.split("/")[0].split(":")[0] != "localhost" else f"{scheme}://{rest}"
    has_path = any(mark in rest for mark in "/?#")
    return f"{scheme.lower()}://{rest}" + ("" if has_path else "/")
