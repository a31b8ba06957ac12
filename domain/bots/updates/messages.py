"""Messages, new and edited: who wrote what, and whether it was said to the bot. Pure."""

import re
from typing import Any

from domain.bots.updates.content import Content, content_of, context_of, is_topic_opening
from domain.bots.updates.fields import identifier, items, name_of, part, word
from domain.bots.updates.model import Incoming
from domain.kit.records import record

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\w{1,64}))?(?=\s|$)")


@record(frozen=True, slots=True)
class Reader:
    """The bot for which a message is read."""

    bot_id: int
    username: str

    def mention(self, text: str) -> re.Match[str] | None:
        """Where the text names the bot, in any case; "@shop" is not in "@shop_bot"."""
        if not self.username:
            return None
        return re.search(rf"(?<!\w)@{re.escape(self.username)}(?!\w)", text, re.IGNORECASE | re.ASCII)


def read_message(reader: Reader, message: dict[str, Any], *, edited: bool = False, business: bool = False) -> Incoming:
    """What a message means. Raises KeyError, TypeError, ValueError for an unexpected shape."""
    chat = message["chat"]
    chat_id = identifier(chat["id"])
    if (moved := _moved(message, chat_id)) is not None:
        return moved
    content = content_of(message)
    if content is None:
        return Incoming("ignored", reason=f"service message{_service(message)}", chat_id=chat_id)
    sender = _sender(message)
    command, argument, foreign = _command(content.text, reader.username)
    reason = _why_ignored(message, sender, foreign=foreign, business=business)
    if reason:
        return Incoming("ignored", reason=reason, chat_id=chat_id)
    group = chat.get("type", "private") != "private"
    return Incoming(
        "edited" if edited else "message",
        chat_id=chat_id,
        chat_type=str(chat.get("type", "private")),
        topic_id=identifier(message.get("message_thread_id", 0)) if message.get("is_topic_message") else None,
        connection_id=word(message["business_connection_id"]) if business else None,
        sender_id=identifier(sender["id"]),
        sender_name=name_of(sender),
        username=word(sender.get("username")),
        language=word(sender.get("language_code")),
        message_id=identifier(message.get("message_id", 0)),
        message_key=_key(message),
        text=_without_mention(content.text, reader) if group else content.text,
        content=content.kind,
        described=content.described,
        attachments=content.attachments,
        context=context_of(message, bot_id=reader.bot_id),
        album=word(message.get("media_group_id")),
        command=command,
        argument=argument,
        addressed=not group or command is not None or _spoken_to(message, content, reader),
    )


def _moved(message: dict[str, Any], chat_id: int) -> Incoming | None:
    """A group became a supergroup: both chats get a service message that names the other one."""
    if new := message.get("migrate_to_chat_id"):
        return Incoming("moved", chat_id=chat_id, chat_type="group", new_chat_id=identifier(new))
    if old := message.get("migrate_from_chat_id"):
        return Incoming("moved", chat_id=identifier(old), chat_type="group", new_chat_id=chat_id)
    return None


_ENVELOPE = {"message_id", "date", "chat", "from", "sender_chat", "message_thread_id", "is_topic_message"}


def _service(message: dict[str, Any]) -> str:
    names = [key for key in message if key not in _ENVELOPE]
    return f": {names[0][:60]}" if names else ""


def _sender(message: dict[str, Any]) -> dict[str, Any]:
    """Who wrote. An anonymous admin, or a channel writing in a group, is the chat on whose behalf they write: `from`
    is a bot of Telegram's then."""
    sender = part(message.get("from"))
    behalf = part(message.get("sender_chat"))
    if behalf and (not sender or sender.get("is_bot")):
        return behalf
    return sender or part(message["chat"])


def _why_ignored(message: dict[str, Any], sender: dict[str, Any], *, foreign: bool, business: bool) -> str:
    chat = message["chat"]
    if chat.get("type") == "channel" or chat.get("is_direct_messages"):
        return "channels are not conversations"
    if sender.get("is_bot"):
        return "written by a bot"
    if message.get("is_automatic_forward"):
        return "a channel's post, forwarded by Telegram"
    if business and sender.get("id") != chat["id"]:
        return "written by the business itself"
    return "a command for another bot" if foreign else ""


def _key(message: dict[str, Any]) -> str:
    """What tells a message of a chat from the others. Ephemeral ones all have message_id 0."""
    number = identifier(message.get("message_id", 0))
    if number == 0 and message.get("ephemeral_message_id"):
        return f"e{identifier(message['ephemeral_message_id'])}"
    return str(number)


def _command(text: str, username: str) -> tuple[str | None, str, bool]:
    """(command, argument, meant for another bot), by the text: some updates carry no entities."""
    found = _COMMAND.match(text) if text.startswith("/") else None
    if found is None:
        return None, "", False
    if found[2] and found[2].lower() != username.lower():
        return None, "", True
    return found[1].lower(), text[found.end() :].strip(), False


def _spoken_to(message: dict[str, Any], content: Content, reader: Reader) -> bool:
    replied = part(message.get("reply_to_message"))
    # Everything said in a topic is a reply to the message that opened it, which the bot may have done.
    if part(replied.get("from")).get("id") == reader.bot_id and not is_topic_opening(replied):
        return True
    marks = [*items(message.get("entities")), *items(message.get("caption_entities"))]
    if any(part(part(mark).get("user")).get("id") == reader.bot_id for mark in marks):
        return True  # a mention by name of a bot
    return reader.mention(content.text) is not None


def _without_mention(text: str, reader: Reader) -> str:
    command = _COMMAND.match(text)
    if command is not None and command[2]:
        return text[: command.start(2) - 1] + text[command.end() :]
    found = reader.mention(text)
    return (text[: found.start()] + text[found.end() :]).strip() if found else text
