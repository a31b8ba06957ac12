"""What a message holds: its text, its files, and a description in words of everything else. Pure.

Files and descriptions are read loosely: a field of another shape than expected is left out, for the message itself is
still somebody's question.
"""

from collections.abc import Callable
from typing import Any

from domain.bots.updates.fields import clean, items, loose, name_of, number, part
from domain.bots.updates.model import Attachment
from domain.kit.records import record

RICH_MAX = 30_000  # characters of a rich message that are read
QUOTED_MAX = 1000  # characters of a quoted message that are kept
_DEPTH = 40

# Content kinds in the order in which they are looked for: an animation also carries `document`, a live photo `photo`.
KINDS = (
    "text", "rich_message", "animation", "live_photo", "photo", "video_note", "video", "voice", "audio", "document",
    "sticker", "venue", "location", "contact", "dice", "poll", "story", "paid_media", "checklist", "invoice",
    "successful_payment", "web_app_data", "users_shared", "chat_shared", "game", "passport_data", "giveaway",
)  # fmt: skip
_FILES = frozenset({"animation", "live_photo", "video_note", "video", "voice", "audio", "document", "sticker"})


@record(frozen=True, slots=True)
class Content:
    """A message's content; `described` is empty for text."""

    kind: str
    text: str
    described: str
    attachments: tuple[Attachment, ...]


def content_of(message: dict[str, Any]) -> Content | None:
    """The content; None for a service message. Raises TypeError for a text that is none."""
    if "text" in message:  # most are that, and nothing else
        return Content("text", clean(message["text"] or ""), "", ())
    kind = next((kind for kind in KINDS if kind in message), None)
    if kind is None:
        return None
    text = clean(message.get("caption") or "")
    if kind == "rich_message" and not text:
        text = rich_text(message[kind])
    return Content(kind, text, _described(kind, message[kind]), _attachments(kind, message[kind]))


def rich_text(rich: Any) -> str:
    """The words of a rich message, a line a block."""
    blocks = [_words(block, "blocks", 0).strip() for block in items(part(rich).get("blocks"))]
    return clean("\n".join(block for block in blocks if block))[:RICH_MAX]


_WORDY = {"text", "title", "caption", "summary", "credit", "expression", "alternative_text", "cells", "items"}


def _words(value: Any, key: str, depth: int) -> str:
    if depth > _DEPTH:
        return ""
    if isinstance(value, str):
        return value if key in _WORDY else ""
    if isinstance(value, dict):
        return "".join(_words(inner, name, depth + 1) for name, inner in value.items())
    if isinstance(value, list):
        between = "" if key in {"text", "title"} else "\n"
        return between.join(filter(None, (_words(inner, key, depth + 1) for inner in value)))
    return ""


def is_topic_opening(message: dict[str, Any]) -> bool:
    """Whether this is the service message that opened a forum topic."""
    return "forum_topic_created" in message


_REFERRING = frozenset({"reply_to_message", "external_reply", "quote", "forward_origin", "media_group_id"})


def context_of(message: dict[str, Any], *, bot_id: int) -> dict[str, Any]:
    """What the message refers to: `reply_to` {author, text}, `quote`, `forwarded_from`, `album`; absent if it does not.

    `author` of a reply is "bot", "customer" (their own message) or a name.
    """
    if message.keys().isdisjoint(_REFERRING):
        return {}
    context: dict[str, Any] = {}
    replied = part(message.get("reply_to_message"))
    if replied and not is_topic_opening(replied):
        context["reply_to"] = {"author": _author(message, replied, bot_id), "text": _said(replied)}
    elif external := part(message.get("external_reply")):
        context["reply_to"] = {"author": _origin(external.get("origin")), "text": _said(external)}
    if quote := loose(part(message.get("quote")).get("text"), QUOTED_MAX):
        context["quote"] = quote
    if "forward_origin" in message:
        context["forwarded_from"] = _origin(message["forward_origin"])
    if album := loose(message.get("media_group_id"), 64):
        context["album"] = album
    return context


def _author(message: dict[str, Any], replied: dict[str, Any], bot_id: int) -> str:
    author = part(replied.get("from"))
    if author.get("id") == bot_id:
        return "bot"
    if author and author.get("id") == part(message.get("from")).get("id"):
        return "customer"
    return _shown_name(part(replied.get("sender_chat")) or author)


def _said(message: dict[str, Any]) -> str:
    try:
        content = content_of(message)
    except (TypeError, AttributeError):
        return ""
    if content is None:
        return ""
    return (
        f"[{content.described}] {content.text}".strip()[:QUOTED_MAX] if content.described else content.text[:QUOTED_MAX]
    )


def _origin(origin: Any) -> str:
    """Whose message was forwarded. In production origins come without a name, and even without a type."""
    origin = part(origin)
    named = part(origin.get("sender_user")) or part(origin.get("sender_chat")) or part(origin.get("chat"))
    return _shown_name(named) or loose(origin.get("sender_user_name"), 100) or "unknown"


def _shown_name(person: dict[str, Any]) -> str:
    try:
        return name_of(person)[:100]
    except (TypeError, AttributeError):
        return ""


def _attachments(kind: str, value: Any) -> tuple[Attachment, ...]:
    if kind == "photo":
        found = [_photo(value)]
    elif kind in _FILES:
        found = [_file(kind, part(value))]
    elif kind == "paid_media":
        found = [_paid(part(one)) for one in items(part(value).get("paid_media"))[:10]]
    else:
        found = []
    return tuple(attachment for attachment in found if attachment is not None)


def _photo(sizes: Any) -> Attachment | None:
    """The largest of a photo's sizes."""
    known = [part(size) for size in items(sizes)]
    best = max(known, key=lambda size: (number(size.get("width")) or 0) * (number(size.get("height")) or 0), default={})
    return _file("photo", best)


def _paid(media: dict[str, Any]) -> Attachment | None:
    if media.get("type") == "photo":
        return _photo(media.get("photo"))
    return _file("video", part(media.get("video")))


def _file(kind: str, value: dict[str, Any]) -> Attachment | None:
    file_id = loose(value.get("file_id"), 512)
    if not file_id:
        return None
    side = number(value.get("length")) if kind == "video_note" else None
    return Attachment(
        kind=kind,
        file_id=file_id,
        unique_id=loose(value.get("file_unique_id"), 128),
        size=number(value.get("file_size")),
        mime_type=loose(value.get("mime_type"), 127) or None,
        name=loose(value.get("file_name"), 255) or None,
        duration=number(value.get("duration")),
        width=side or number(value.get("width")),
        height=side or number(value.get("height")),
    )


def _described(kind: str, value: Any) -> str:
    if kind in {"text", "rich_message"}:
        return ""
    name = _NAMES.get(kind, kind.replace("_", " "))
    detail = _DETAILS.get(kind)
    more = detail(part(value)) if detail is not None else ""
    return f"{name}{more}"


_NAMES = {
    "voice": "voice message",
    "video_note": "video message",
    "audio": "audio",
    "document": "file",
    "animation": "GIF",
    "users_shared": "shared people",
    "chat_shared": "shared chat",
    "web_app_data": "data of a web app",
    "successful_payment": "payment",
}


def _time(value: dict[str, Any]) -> str:
    seconds = number(value.get("duration"))
    return "" if seconds is None else f", {seconds // 60}:{seconds % 60:02}"


def _document(value: dict[str, Any]) -> str:
    size = number(value.get("file_size"))
    shown = f", {_bytes(size)}" if size is not None else ""
    return f": {loose(value.get('file_name'), 200) or 'without a name'}{shown}"


def _bytes(size: int) -> str:
    if size < 1 << 10:
        return f"{size} B"
    return f"{size / (1 << 10):.0f} KB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MB"


def _audio(value: dict[str, Any]) -> str:
    title = " - ".join(filter(None, (loose(value.get("performer"), 100), loose(value.get("title"), 100))))
    return (f": {title}" if title else "") + _time(value)


def _location(value: dict[str, Any]) -> str:
    spot = (value.get("latitude"), value.get("longitude"))
    if not all(isinstance(angle, int | float) for angle in spot):
        return ""
    return f" {spot[0]:.5f}, {spot[1]:.5f}"


def _listed(*keys: str) -> Callable[[dict[str, Any]], str]:
    def details(value: dict[str, Any]) -> str:
        found = ", ".join(text for key in keys if (text := loose(value.get(key), 200)))
        return f": {found}" if found else ""

    return details


def _contact(value: dict[str, Any]) -> str:
    name = " ".join(filter(None, (loose(value.get("first_name"), 100), loose(value.get("last_name"), 100))))
    found = ", ".join(filter(None, (name, loose(value.get("phone_number"), 40))))
    return f": {found}" if found else ""


def _dice(value: dict[str, Any]) -> str:
    return f" {loose(value.get('emoji'), 8)} {number(value.get('value')) or ''}".rstrip()


def _checklist(value: dict[str, Any]) -> str:
    tasks = [loose(part(task).get("text"), 100) for task in items(value.get("tasks"))[:30]]
    return f": {'; '.join(filter(None, (loose(value.get('title'), 200), *tasks)))}"


def _payment(value: dict[str, Any]) -> str:
    amount = number(value.get("total_amount"))
    return f": {amount} {loose(value.get('currency'), 8)} (smallest units)" if amount is not None else ""


_DETAILS: dict[str, Callable[[dict[str, Any]], str]] = {
    "voice": _time,
    "video_note": _time,
    "video": _time,
    "audio": _audio,
    "document": _document,
    "animation": _time,
    "live_photo": _time,
    "sticker": lambda value: f" {loose(value.get('emoji'), 16)}".rstrip(),
    "location": _location,
    "venue": _listed("title", "address"),
    "contact": _contact,
    "dice": _dice,
    "poll": _listed("question"),
    "checklist": _checklist,
    "invoice": _listed("title", "description"),
    "successful_payment": _payment,
    "web_app_data": _listed("button_text", "data"),
    "users_shared": lambda value: f": {len(items(value.get('users')) or items(value.get('user_ids')))}",
    "paid_media": lambda value: f": {len(items(value.get('paid_media')))}",
    "game": _listed("title"),
}
