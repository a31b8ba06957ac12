"""Texts with entities, cut into parts for Telegram: at paragraphs, lines, spaces, never inside a character. Pure.

Entities count UTF-16 units. One that spans a cut is clipped into both parts, so a code block that is longer than a
part goes on as code in the next one.
"""

import unicodedata

from telegramify_markdown import MessageEntity, utf16_len

_JOINER = "\u200d"
_BLOCKS = {"pre", "expandable_blockquote"}

Part = tuple[str, list[MessageEntity]]


def split(text: str, entities: list[MessageEntity], limit: int) -> list[Part]:
    """Parts of at most `limit` UTF-16 units, in order, without the white space around them; none is empty."""
    if utf16_len(text) <= limit:
        parts = [_part(text, entities, 0, len(text))]
    else:
        parts = []
        blocks = _blocks(text, entities)
        start = 0
        while start < len(text):
            end = _cut(text, start, limit, blocks)
            parts.append(_part(text, entities, start, end))
            start = end
    return [part for part in parts if part[0]]


def _cut(text: str, start: int, limit: int, blocks: list[tuple[int, int]]) -> int:
    """Where the part that begins at `start` ends."""
    end = _fitting(text, start, limit)
    if end == len(text):
        return end
    least = start + (end - start) // 4  # a part is not made shorter than that for the sake of a nicer cut
    for first, last in blocks:
        if least < first < end < last:
            return first  # the block goes into the next part whole, or at least from its beginning
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, least, end)
        if found > start:
            return found + len(mark)
    while end > start + 1 and _inside_character(text, end):
        end -= 1
    return end if end > start + 1 else _fitting(text, start, limit)


def _fitting(text: str, start: int, limit: int) -> int:
    """The furthest end that fits."""
    end = min(len(text), start + limit)
    while (over := utf16_len(text[start:end]) - limit) > 0:
        end -= (over + 1) // 2
    return end


def _inside_character(text: str, at: int) -> bool:
    """Whether a cut before text[at] would take apart what a reader sees as one character."""
    after, before = text[at], text[at - 1]
    if _JOINER in (after, before) or unicodedata.combining(after) or "\ufe00" <= after <= "\ufe0f":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f" or after == "\u20e3":
        return True  # skin tones, the tags of flags, keycaps
    return _is_flag_half(after) and _flag_halves_before(text, at) % 2 == 1


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_halves_before(text: str, at: int) -> int:
    count = 0
    while at - count > 0 and _is_flag_half(text[at - count - 1]):
        count += 1
    return count


def _blocks(text: str, entities: list[MessageEntity]) -> list[tuple[int, int]]:
    """Where blocks that should stay together begin and end, in characters."""
    spans = [(entity.offset, entity.offset + entity.length) for entity in entities if entity.type in _BLOCKS]
    return [(_character(text, first), _character(text, last)) for first, last in spans]


def _character(text: str, units: int) -> int:
    """The character at which so many UTF-16 units are over."""
    return len(text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore"))


def _part(text: str, entities: list[MessageEntity], start: int, end: int) -> Part:
    """text[start:end] without the white space around it, and what is marked in it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    first = utf16_len(text[:start])
    last = first + utf16_len(text[start:end])
    clipped = []
    for entity in entities:
        begin, stop = max(entity.offset, first), min(entity.offset + entity.length, last)
        if begin < stop:
            clipped.append(entity.copy_with(offset=begin - first, length=stop - begin))
    return text[start:end], clipped
