"""Legacy Markdown: no nesting, four marks."""

from simulators.telegram.formatting.markdown_v2 import read_language
from simulators.telegram.formatting.output import Entity, FormatError, Output

_MARKS = frozenset(b"_*`[")


def parse_markdown(text: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities. FormatError with the server's words otherwise."""
    source = text.encode("utf-8", "surrogatepass")
    out = Output()
    i = 0
    while i < len(source):
        byte = source[i]
        if byte == 0x5C and source[i + 1 : i + 2] and source[i + 1] in _MARKS:
            out.byte(source[i + 1])
            i += 2
        elif byte not in _MARKS:
            out.byte(byte)
            i += 1
        else:
            i = _entity(source, i, out)
    return out.finish()


def _entity(source: bytes, begin: int, out: Output) -> int:
    """Copy one entity into `out`; the position after it."""
    mark = source[begin]
    is_pre = source.startswith(b"```", begin)
    language = ""
    i = begin + 1
    if is_pre:
        i, language = read_language(source, begin + 3)
    closing = b"```" if is_pre else b"]" if mark == 0x5B else bytes([mark])
    end = source.find(closing, i)
    if end < 0:
        raise FormatError(f"Can't find end of the entity starting at byte offset {begin}")
    start = out.units
    for byte in source[i:end]:
        out.byte(byte)
    after = end + len(closing)
    if mark == 0x5B:
        return _link(source, begin, end, out, start)
    if is_pre:
        out.entity("pre", start, **({"language": language} if language else {}))
    else:
        out.entity({0x5F: "italic", 0x2A: "bold"}.get(mark, "code"), start)
    return after


def _link(source: bytes, begin: int, end: int, out: Output, start: int) -> int:
    if source[end + 1 : end + 2] != b"(":
        out.link(start, source[begin + 1 : end].decode("utf-8", "replace"))
        return end + 1
    closing = source.find(b")", end + 2)
    closing = len(source) if closing < 0 else closing
    out.link(start, source[end + 2 : closing].decode("utf-8", "replace"))
    return closing + 1
