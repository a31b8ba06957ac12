"""From the parameters of a call to the text and entities that are stored."""

from typing import Any

from simulators.telegram.errors import bad_request
from simulators.telegram.formatting.detect import with_detected
from simulators.telegram.formatting.entities import checked_entities
from simulators.telegram.formatting.html import parse_html
from simulators.telegram.formatting.markdown import parse_markdown
from simulators.telegram.formatting.markdown_v2 import parse_markdown_v2
from simulators.telegram.formatting.output import Entity, FormatError, utf16_length

MAX_RAW_BYTES = 32_768
MAX_TEXT = 4_096
MAX_CAPTION = 1_024
MAX_ENTITIES = 100
_PARSERS = {"markdown": parse_markdown, "markdownv2": parse_markdown_v2, "html": parse_html}


def formatted(text: str, parse_mode: str, entities: Any) -> tuple[str, list[Entity]]:
    """Parse, trim and complete a text. Lengths are left to the caller. 400 with the server's words."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_RAW_BYTES:
        raise bad_request("text is too long")
    mode = parse_mode.strip().lower()
    if mode and mode != "none":
        parser = _PARSERS.get(mode)
        if parser is None:
            raise bad_request("unsupported parse_mode")
        try:
            plain, found = parser(text)
        except FormatError as error:
            raise bad_request(f"can't parse entities: {error}") from error
    else:
        plain, found = text, checked_entities(entities, text)
    if found:
        found = [{key: value for key, value in entity.items() if key != "_language"} for entity in found]
    plain, found = _trimmed(plain.replace("\r", ""), found)
    return plain, with_detected(plain, found)[:MAX_ENTITIES]


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without white space around; entities move with the text and never cover its trimmed end."""
    left = text.lstrip(" \t\n")
    shift = len(text) - len(left)
    plain = left.rstrip(" \t\n")
    length = utf16_length(plain)
    kept: list[Entity] = []
    for entity in entities:
        begin = max(entity["offset"] - shift, 0)
        end = min(entity["offset"] + entity["length"] - shift, length)
        if end > begin:
            kept.append({**entity, "offset": begin, "length": end - begin})
    return plain, kept


def message_text(
    text: str, parse_mode: str, entities: Any, *, too_long: str = "message is too long"
) -> tuple[str, list[Entity]]:
    """The text of a message: 1 to 4096 code points after parsing."""
    plain, found = formatted(text, parse_mode, entities)
    if not plain:
        raise bad_request("text must be non-empty")
    if len(plain) > MAX_TEXT:
        raise bad_request(too_long)
    return plain, found


def caption_text(text: str, parse_mode: str, entities: Any) -> tuple[str, list[Entity]]:
    """A caption: up to 1024 code points after parsing."""
    plain, found = formatted(text, parse_mode, entities)
    if len(plain) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return plain, found
