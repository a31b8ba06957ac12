"""Telegram's HTML: a short list of tags, four named entities, complaints with byte offsets."""

from dataclasses import dataclass

from simulators.telegram.formatting.output import Entity, FormatError, Output

_SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "u": "underline",
    "ins": "underline",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_TAGS = frozenset(_SIMPLE) | {"a", "tg-emoji", "tg-time", "pre", "code", "blockquote"}
_NAMED = {b"lt": 0x3C, b"gt": 0x3E, b"amp": 0x26, b"quot": 0x22}
_SPACE = frozenset(b" \t\r\n\0\x0b")


@dataclass
class _Open:
    tag: str
    argument: str
    start: int
    written: int


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities. FormatError with the server's words otherwise."""
    return _Parser(text.encode("utf-8", "surrogatepass")).run()


class _Parser:
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.size = len(source)
        self.i = 0
        self.out = Output()
        self.stack: list[_Open] = []

    def peek(self) -> int:
        return self.source[self.i] if self.i < self.size else 0

    def run(self) -> tuple[str, list[Entity]]:
        while self.i < self.size:
            byte = self.peek()
            code = self.character() if byte == 0x26 else 0
            if code:
                self.out.char(code)
            elif byte != 0x3C:
                self.out.byte(byte)
                self.i += 1
            elif self.source[self.i + 1 : self.i + 2] == b"/":
                self.end_tag()
            else:
                self.start_tag()
        if self.stack:
            raise FormatError(f'Can\'t find end tag corresponding to start tag "{self.stack[-1].tag}"')
        return self.out.finish()

    def character(self) -> int:
        """Decode &...; at the cursor and step over it; 0 (and no step) when it is to be kept literally."""
        end = self.i + 1
        if self.source[end : end + 1] == b"#":
            base, digits, end = 10, b"0123456789", end + 1
            if self.source[end : end + 1] == b"x":
                base, digits, end = 16, b"0123456789abcdefABCDEF", end + 1
            begin = end
            while end < self.size and self.source[end] in digits:
                end += 1
            code = int(self.source[begin:end] or b"0", base)
            if code == 0 or code >= 0x10FFFF or end - self.i >= 10:
                return 0
        else:
            while end < self.size and chr(self.source[end]).isascii() and chr(self.source[end]).isalpha():
                end += 1
            code = _NAMED.get(self.source[self.i + 1 : end], 0)
            if code == 0:
                return 0
        self.i = end + 1 if self.source[end : end + 1] == b";" else end
        return code

    def skip_until(self, stop: bytes) -> bytes:
        """Move to the next space or byte of `stop`; what was passed."""
        begin = self.i
        while self.i < self.size and self.peek() not in _SPACE and self.peek() not in stop:
            self.i += 1
        return self.source[begin : self.i]

    def skip_space(self) -> None:
        while self.i < self.size and self.peek() in _SPACE:
            self.i += 1

    def start_tag(self) -> None:
        begin = self.i
        self.i += 1
        tag = self.skip_until(b">").decode("utf-8", "replace").lower()
        if self.i >= self.size:
            raise FormatError(f"Unclosed start tag at byte offset {begin}")
        if tag not in _TAGS:
            raise FormatError(f'Unsupported start tag "{tag}" at byte offset {begin}')
        argument = ""
        while True:
            self.skip_space()
            if self.peek() == 0x3E:
                break
            name, value = self.attribute(tag, begin)
            argument = _argument(tag, name, value) or argument
        if tag == "span" and argument != "spoiler":
            raise FormatError(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
        self.i += 1
        self.stack.append(_Open(tag, argument, self.out.units, len(self.out.data)))

    def attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self.skip_until(b"=>" if tag == "blockquote" else b"=").decode("utf-8", "replace")
        if self.i >= self.size:
            raise FormatError(f"Unclosed start tag at byte offset {begin}")
        if not name:
            raise FormatError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
        self.skip_space()
        if self.peek() != 0x3D:
            if tag == "blockquote" and name == "expandable":
                return name, "1"
            raise FormatError(
                f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {begin}'
            )
        self.i += 1
        self.skip_space()
        if self.i >= self.size:
            raise FormatError(f'Unclosed start tag "{tag}" at byte offset {begin}')
        value = self.quoted() if self.peek() in b"'\"" else self.token()
        if self.i >= self.size:
            raise FormatError(f"Unclosed start tag at byte offset {begin}")
        return name, value

    def token(self) -> str:
        begin = self.i
        while self.i < self.size and (chr(self.peek()).isalnum() or self.peek() in b".-"):
            self.i += 1
        if self.peek() not in _SPACE and self.peek() != 0x3E:
            raise FormatError(f"Unexpected end of name token at byte offset {begin}")
        return self.source[begin : self.i].decode("utf-8", "replace").lower()

    def quoted(self) -> str:
        end = self.peek()
        self.i += 1
        value = Output()
        while self.i < self.size and self.peek() != end:
            code = self.character() if self.peek() == 0x26 else 0
            if code:
                value.char(code)
            else:
                value.byte(self.peek())
                self.i += 1
        self.i += self.i < self.size
        return value.finish()[0]

    def end_tag(self) -> None:
        begin = self.i
        if not self.stack:
            raise FormatError(f"Unexpected end tag at byte offset {begin}")
        self.i += 2
        tag = self.skip_until(b">").decode("utf-8", "replace").lower()
        self.skip_space()
        if self.peek() != 0x3E:
            raise FormatError(f"Unclosed end tag at byte offset {begin}")
        self.i += 1
        opened = self.stack[-1]
        if tag and tag != opened.tag:
            raise FormatError(f'Unmatched end tag at byte offset {begin}, expected "</{opened.tag}>", found "</{tag}>"')
        self.stack.pop()
        self.close(opened)

    def close(self, opened: _Open) -> None:
        tag, start = opened.tag, opened.start
        if tag in _SIMPLE:
            self.out.entity(_SIMPLE[tag], start)
        elif tag == "a":
            self.out.link(start, opened.argument or self.out.data[opened.written :].decode("utf-8", "replace"))
        elif tag == "blockquote":
            self.out.entity("expandable_blockquote" if opened.argument else "blockquote", start)
        elif tag == "tg-emoji":
            if not opened.argument.isdigit():
                raise FormatError("Invalid custom emoji identifier specified")
            self.out.entity("custom_emoji", start, custom_emoji_id=opened.argument)
        elif tag == "code":
            self.out.entity("code", start, **({"_language": opened.argument} if opened.argument else {}))
        elif tag == "pre":
            self.close_pre(start)

    def close_pre(self, start: int) -> None:
        """<pre><code class="language-x"> is one entity with a language."""
        last = self.out.entities[-1] if self.out.entities else {}
        if last.get("type") == "code" and last["offset"] == start and last["length"] == self.out.units - start:
            self.out.entities.pop()
            language = last.get("_language")
            self.out.entity("pre", start, **({"language": language} if language else {}))
        else:
            self.out.entity("pre", start)


def _argument(tag: str, name: str, value: str) -> str:
    """The part of an attribute that matters for its tag, "" for the rest."""
    if (tag, name) in {("a", "href"), ("tg-emoji", "emoji-id"), ("blockquote", "expandable")}:
        return value
    if (tag, name) == ("code", "class"):
        return value.removeprefix("language-") if value.startswith("language-") else ""
    if (tag, name) == ("span", "class"):
        return value.removeprefix("tg-") if value.startswith("tg-") else ""
    return ""
