"""An Update's bytes, and what they mean to us. Pure.

Only what is needed is read, from plain JSON: strict models reject real updates (TELEGRAM section 3), and unknown kinds
will come. What cannot be understood as an Update at all is poison, with its reason.
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson


class Poisoned(ValueError):
    """These bytes are not an Update we can read; the message is the reason for the dead letter."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What an update means.

    message    a customer wrote: `text` is what they said, or for other content its caption (may be empty).
    blocked    they blocked the bot, or it was removed from the group.    unblocked  the reverse.
    ignored    nothing to do; `reason` says why.
    `content` names the kind of content ("text", "photo", "voice", ...); `addressed` is False in a group when nobody
    spoke to the bot. `command` is "start" for "/start payload", whose payload is `argument`.
    """

    kind: Literal["message", "blocked", "unblocked", "ignored"]
    reason: str = ""
    chat_id: int = 0
    chat_type: str = "private"
    topic_id: int | None = None
    sender_id: int = 0
    sender_name: str = ""
    username: str | None = None
    language: str | None = None
    message_id: int = 0
    text: str = ""
    content: str = "text"
    command: str | None = None
    argument: str = ""
    addressed: bool = True

    @property
    def address(self) -> str:
        """The dialog's address within its bot: the chat, and the topic if there is one."""
        return f"{self.chat_id}/{self.topic_id}" if self.topic_id else str(self.chat_id)


# Content kinds in the order in which they are looked for: an animation also carries `document`, a live photo `photo`.
_CONTENT = (
    "text", "rich_message", "animation", "live_photo", "photo", "video_note", "video", "voice", "audio", "document",
    "sticker", "venue", "location", "contact", "dice", "poll", "story", "paid_media", "checklist", "invoice",
    "successful_payment", "web_app_data", "users_shared", "chat_shared", "game", "passport_data",
)  # fmt: skip


def parse(raw: bytes, *, bot_id: int, username: str) -> Incoming:
    """Read an update for this bot. Raises Poisoned with the reason."""
    try:
        update = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Poisoned(f"not JSON: {error}") from error
    if not isinstance(update, dict):
        raise Poisoned("not a JSON object")
    try:
        return _read(update, bot_id, username)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Poisoned(f"unexpected shape: {type(error).__name__}: {error}") from error


def _read(update: dict[str, Any], bot_id: int, username: str) -> Incoming:
    if message := update.get("message"):
        return _message(message, bot_id, username)
    if member := update.get("my_chat_member"):
        return _membership(member)
    kinds = [key for key in update if key != "update_id"]
    return Incoming("ignored", reason=f"update kind {kinds[0]}" if kinds else "empty update")


def _membership(member: dict[str, Any]) -> Incoming:
    chat = member["chat"]
    gone = member["new_chat_member"]["status"] in {"kicked", "left"}
    sender = member.get("from") or {}
    return Incoming(
        "blocked" if gone else "unblocked",
        chat_id=_id(chat["id"]),
        chat_type=str(chat["type"]),
        sender_id=_id(sender.get("id", 0)),
    )


def _message(message: dict[str, Any], bot_id: int, username: str) -> Incoming:
    chat = message["chat"]
    sender = message.get("from") or message.get("sender_chat") or chat
    content = next((kind for kind in _CONTENT if kind in message), None)
    if content is None:
        return Incoming("ignored", reason="service message", chat_id=_id(chat["id"]))
    if sender.get("is_bot"):
        return Incoming("ignored", reason="written by a bot", chat_id=_id(chat["id"]))
    text = _clean(message.get("text") or message.get("caption") or "")
    command, argument, foreign = _command(message, text, username)
    if foreign:
        return Incoming("ignored", reason="a command for another bot", chat_id=_id(chat["id"]))
    group = chat.get("type") != "private"
    return Incoming(
        "message",
        chat_id=_id(chat["id"]),
        chat_type=str(chat.get("type", "private")),
        topic_id=_id(message.get("message_thread_id", 0)) if message.get("is_topic_message") else None,
        sender_id=_id(sender["id"]),
        sender_name=_name(sender),
        username=_word(sender.get("username")),
        language=_word(sender.get("language_code")),
        message_id=_id(message.get("message_id", 0)),
        text=_without_mention(text, username) if group else text,
        content=content,
        command=command,
        argument=argument,
        addressed=not group or command is not None or _spoken_to(message, text, bot_id, username),
    )


def _command(message: dict[str, Any], text: str, username: str) -> tuple[str | None, str, bool]:
    """(command, argument, meant for another bot). Falls back on the text: some fixtures carry no entities."""
    if not text.startswith("/") or len(text) < 2:
        return None, "", False
    head, _, argument = text.partition(" ")
    name, _, target = head[1:].partition("@")
    if target and target.lower() != username.lower():
        return None, "", True
    return name.lower(), argument.strip(), False


def _spoken_to(message: dict[str, Any], text: str, bot_id: int, username: str) -> bool:
    replied = (message.get("reply_to_message") or {}).get("from") or {}
    return replied.get("id") == bot_id or (bool(username) and f"@{username}".lower() in text.lower())


def _without_mention(text: str, username: str) -> str:
    mention = f"@{username}"
    at = text.lower().find(mention.lower()) if username else -1
    return (text[:at] + text[at + len(mention) :]).strip() if at >= 0 else text


def _name(sender: dict[str, Any]) -> str:
    parts = (sender.get("first_name"), sender.get("last_name"))
    return _clean(" ".join(part for part in parts if part) or sender.get("title") or sender.get("username") or "")


def _id(value: Any) -> int:
    """An id as Postgres stores it: 64 bits."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} is not an id")
    return number


def _word(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return _clean(value)


def _clean(text: str) -> str:
    """Postgres stores no NUL; everything else is the customer's own."""
    return text.replace("\x00", "")
