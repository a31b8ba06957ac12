"""MarkdownV2. Every reserved character counts; offsets in complaints are byte offsets of the source."""

from dataclasses import dataclass

from simulators.telegram.formatting.output import Entity, FormatError, Output

_RESERVED = frozenset(b"_*[]()~`>#+-=|{}.!\n")
_IN_CODE = frozenset(b"`")
_CODE_NAMES = frozenset({"Code", "Pre", "PreCode"})
_TYPES = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "Code": "code",
}
_MARK_LENGTH = {"Underline": 2, "Spoiler": 2, "Pre": 3, "PreCode": 3}


@dataclass
class _Open:
    name: str
    start: int
    at: int
    argument: str = ""
    written: int = 0


def parse_markdown_v2(text: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities. FormatError with the server's words otherwise."""
    return _Parser(text.encode("utf-8", "surrogatepass")).run()


class _Parser:
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.size = len(source)
        self.i = 0
        self.out = Output()
        self.stack: list[_Open] = []
        self.in_quote = False
        self.line_start = True

    def peek(self, ahead: int = 0) -> int:
        """The byte at the cursor plus `ahead`, 0 past the end."""
        position = self.i + ahead
        return self.source[position] if position < self.size else 0

    def starts(self, mark: bytes) -> bool:
        return self.source.startswith(mark, self.i)

    def run(self) -> tuple[str, list[Entity]]:
        while self.i < self.size:
            self.step()
            self.i += 1
        if self.in_quote and self.stack and self.stack[-1].name == "BlockQuote":
            self.close_quote("blockquote")
        if self.stack:
            raise self.unclosed()
        return self.out.finish()

    def step(self) -> None:
        byte = self.peek()
        if byte == 0x5C and 0 < self.peek(1) <= 126:
            self.i += 1
            self.plain(self.peek())
            return
        in_code = bool(self.stack) and self.stack[-1].name in _CODE_NAMES
        if byte not in (_IN_CODE if in_code else _RESERVED):
            self.plain(byte)
        elif self.stack and self.ends():
            self.close()
        elif byte == 0x0A:
            self.new_line()
        elif self.line_start and not self.in_quote and byte == 0x3E:
            self.open_quote()
        elif self.line_start and not self.in_quote and self.starts(b"**>"):
            self.i += 2
            self.open_quote()
        else:
            self.open(byte)

    def plain(self, byte: int) -> None:
        self.out.byte(byte)
        self.line_start = byte == 0x0A

    def ends(self) -> bool:
        """Whether the cursor stands on the end of the innermost entity."""
        if self.in_quote and self.peek() == 0x0A and self.peek(1) != 0x3E:
            return True
        if self.in_quote and self.stack[-1].name == "BlockQuote":
            return self.starts(b"||") and (self.i + 2 == self.size or self.quote_ends_at(self.i + 2))
        name = self.stack[-1].name
        if name == "Italic":
            return self.peek() == 0x5F and self.peek(1) != 0x5F
        marks = {
            "Bold": b"*",
            "Code": b"`",
            "Pre": b"```",
            "PreCode": b"```",
            "TextUrl": b"]",
            "CustomEmoji": b"]",
            "Underline": b"__",
            "Strikethrough": b"~",
            "Spoiler": b"||",
        }
        return self.starts(marks[name])

    def quote_ends_at(self, position: int) -> bool:
        return self.source[position : position + 1] == b"\n" and self.source[position + 1 : position + 2] != b">"

    def new_line(self) -> None:
        self.plain(0x0A)
        if self.in_quote and self.peek(1) == 0x3E:  # the quote goes on; its mark is not part of the text
            self.i += 1
            self.line_start = False

    def open_quote(self) -> None:
        self.stack.append(_Open("BlockQuote", self.out.units, self.i))
        self.in_quote = True
        self.line_start = False

    def open(self, byte: int) -> None:
        self.line_start = False
        at = self.i
        argument = ""
        if byte == 0x5F:
            name = "Underline" if self.peek(1) == 0x5F else "Italic"
            self.i += name == "Underline"
        elif byte == 0x2A:
            name = "Bold"
        elif byte == 0x7E:
            name = "Strikethrough"
        elif self.starts(b"||"):
            name = "Spoiler"
            self.i += 1
        elif byte == 0x5B:
            name = "TextUrl"
        elif self.starts(b"!["):
            name = "CustomEmoji"
            self.i += 1
        elif byte == 0x60:
            name, argument = self.open_code()
        else:
            raise FormatError(f"Character '{chr(byte)}' is reserved and must be escaped with the preceding '\\'")
        self.stack.append(_Open(name, self.out.units, at, argument, len(self.out.data)))

    def open_code(self) -> tuple[str, str]:
        """Move to the last byte of the opening mark, with its language and one line break."""
        if not self.starts(b"```"):
            return "Code", ""
        self.i += 3
        self.i, language = read_language(self.source, self.i)
        self.i -= 1
        return ("PreCode" if language else "Pre"), language

    def unclosed(self) -> FormatError:
        last = self.stack[-1]
        return FormatError(f"Can't find end of {last.name} entity at byte offset {last.at}")

    def close_quote(self, kind: str) -> None:
        self.out.entity(kind, self.stack.pop().start)
        self.in_quote = False

    def close(self) -> None:
        entity = self.stack[-1]
        if entity.name == "BlockQuote":
            expandable = self.starts(b"||")
            self.i += 2 if expandable else 0
            self.close_quote("expandable_blockquote" if expandable else "blockquote")
            if self.i < self.size:
                self.plain(0x0A)
            return
        if self.peek() == 0x0A:
            raise self.unclosed()
        self.stack.pop()
        self.i += _MARK_LENGTH.get(entity.name, 1) - 1
        if entity.name in {"TextUrl", "CustomEmoji"}:
            self.close_link(entity)
        elif entity.name in {"Pre", "PreCode"}:
            extra = {"language": entity.argument} if entity.argument else {}
            self.out.entity("pre", entity.start, **extra)
        else:
            self.out.entity(_TYPES[entity.name], entity.start)

    def close_link(self, entity: _Open) -> None:
        emoji = entity.name == "CustomEmoji"
        if self.peek(1) == 0x28:
            url = self.read_url("custom emoji URL" if emoji else "URL")
        elif emoji:
            raise FormatError("Custom emoji entity must contain a tg://emoji URL")
        else:
            url = self.out.data[entity.written :].decode("utf-8", "replace")
        if not emoji:
            self.out.link(entity.start, url)
            return
        number = url.removeprefix("tg://emoji?id=")
        if number == url or not number.isdigit():
            raise FormatError("Custom emoji entity must contain a tg://emoji URL")
        self.out.entity("custom_emoji", entity.start, custom_emoji_id=number)

    def read_url(self, what: str) -> str:
        """The address in (...); the cursor ends on the closing bracket."""
        self.i += 2
        begin = self.i
        url = bytearray()
        while self.i < self.size and self.peek() != 0x29:
            if self.peek() == 0x5C and 0 < self.peek(1) <= 126:
                self.i += 1
            url.append(self.peek())
            self.i += 1
        if self.peek() != 0x29:
            raise FormatError(f"Can't find end of a {what} at byte offset {begin}")
        return url.decode("utf-8", "replace")


def read_language(source: bytes, start: int) -> tuple[int, str]:
    """The language after ``` and the position of the first byte of the code (one line break is skipped)."""
    end = start
    while end < len(source) and not chr(source[end]).isspace() and source[end] != 0x60:
        end += 1
    language = ""
    if end > start and end < len(source) and source[end] != 0x60:
        language = source[start:end].decode("utf-8", "replace")
        start = end
    pair = source[start : start + 2]
    if pair in {b"\r\n", b"\n\r"}:
        return start + 2, language
    if pair[:1] in {b"\r", b"\n"}:
        return start + 1, language
    return start, language
