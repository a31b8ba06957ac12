"""Entities the server finds by itself: commands, mentions, hashtags, addresses."""

import re

from simulators.telegram.formatting.output import Entity, utf16_length

_TAIL = r"[^\s<>\"']"
_URL = (
    rf"(?<![\w@.])(?:https?://{_TAIL}+|(?:www\.|t\.me/){_TAIL}+"
    rf"|(?:[a-z0-9-]+\.)+(?:com|org|net|io|ru|dev|shop|ai)\b(?:/{_TAIL}*)?)"
)
_PATTERNS = (
    ("url", re.compile(_URL, re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE)),
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")),
    ("mention", re.compile(r"(?<![\w@/.])@[A-Za-z0-9_]{3,32}(?!\w)")),
    ("hashtag", re.compile(r"(?<![\w#&])#\w*[^\W\d]\w*")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?![\w$])")),
)
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention", "url", "custom_emoji"})


def with_detected(text: str, entities: list[Entity]) -> list[Entity]:
    """`entities` and those the server adds, in order. Nothing is found inside code and links."""
    if not any(mark in text for mark in "/@#.$"):
        return entities
    taken = [(e["offset"], e["offset"] + e["length"]) for e in entities if e["type"] in _OPAQUE]
    found: list[Entity] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            value = match[0].rstrip(".,:;!?)\"'") if kind == "url" else match[0]
            begin = utf16_length(text[: match.start()])
            end = begin + utf16_length(value)
            if value and not any(begin < stop and start < end for start, stop in taken):
                taken.append((begin, end))
                found.append({"type": kind, "offset": begin, "length": end - begin})
    return sorted(entities + found, key=lambda entity: (entity["offset"], -entity["length"]))
