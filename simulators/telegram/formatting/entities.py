"""Explicit entity lists: what is kept, what is refused."""

from typing import Any

from simulators.telegram.errors import bad_request
from simulators.telegram.formatting.output import Entity, checked_link

_PLAIN = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "date_time",
    ]
)
SHOWN = 100


def checked_entities(listed: Any, text: str) -> list[Entity]:
    """The entities of a request, in order, unknown types dropped. 400 for offsets that do not fit the text."""
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise bad_request("can't parse entities JSON object: expected an Array")
    found = [entity for entity in map(_checked, listed) if entity is not None]
    found.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    _check_offsets(found, text)
    return found[:SHOWN]


def _checked(entity: Any) -> Entity | None:
    if not isinstance(entity, dict):
        raise bad_request("can't parse MessageEntity: expected an Object")
    for name in ("offset", "length"):
        if not isinstance(entity.get(name), int):
            raise bad_request(f"can't parse MessageEntity: can't find field \"{name}\"")
    kind, offset, length = entity.get("type"), entity["offset"], entity["length"]
    if not isinstance(kind, str):
        raise bad_request("can't parse MessageEntity: can't find field \"type\"")
    if length <= 0 or offset < 0:
        return None
    kept: Entity = {"type": kind, "offset": offset, "length": length}
    if kind == "pre":
        return {**kept, "language": entity["language"]} if entity.get("language") else kept
    if kind == "text_link":
        url = checked_link(str(entity.get("url", "")))
        return {**kept, "url": url} if url else None
    if kind == "text_mention":
        return {**kept, "user": entity.get("user")}
    if kind == "custom_emoji":
        return {**kept, "custom_emoji_id": str(entity.get("custom_emoji_id", ""))}
    return kept if kind in _PLAIN else None


def _check_offsets(entities: list[Entity], text: str) -> None:
    if not entities:
        return
    boundaries: dict[int, int] = {}
    units = size = 0
    for char in text:
        boundaries[units] = size
        units += 2 if ord(char) > 0xFFFF else 1
        size += len(char.encode("utf-8", "surrogatepass"))
    boundaries[units] = size
    for entity in entities:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        if begin > units:
            raise bad_request(f"Entity begins after the end of the text at UTF-16 offset {begin}")
        if begin not in boundaries:
            where = boundaries[begin - 1]
            raise bad_request(f"Entity begins in a middle of a UTF-16 symbol at byte offset {where}")
        if end > units:
            raise bad_request(
                f"Entity beginning at UTF-16 offset {begin} ends after the end of the text at UTF-16 offset {end}"
            )
        if end not in boundaries:
            where = boundaries[end - 1]
            raise bad_request(
                f"Entity beginning at UTF-16 offset {begin} ends in a middle of a UTF-16 symbol at byte offset {where}"
            )
