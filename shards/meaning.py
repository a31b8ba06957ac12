"""A row's bytes, and what they ask of us. Pure."""

from dataclasses import field, replace
from typing import Any, Literal

from domain.bots import Bot
from domain.bots.updates import Attachment, Incoming, Poisoned
from domain.bots.updates import parse as parse_update
from domain.dialogs import MessageDraft, Opening
from domain.dialogs.attachments import described
from domain.dialogs.web import WebMessage
from domain.inbox import InboxRow
from domain.kit.ids import uuid7
from domain.kit.records import record

QUOTED_MAX = 500  # characters of what a message refers to that are asked with it

Kind = Literal["message", "update", "ignore"]


@record(frozen=True, slots=True)
class Meaning:
    """What to do with a row.

    message   append `text` (as shown) to the dialog of `opening`; the assistant is asked `question`.
    update    `incoming` is something else that changes what we know (shards.noting); an edit has an opening too.
    ignore    nothing, for `reason`.
    `sender` tells people in a group apart; `reply` is False where only the record matters (a paused bot).
    `content` is what kind of message it was; `command` is "start" and the like, `start` the payload of a deep link.
    `quoted` is (role, text) of what the message refers to; the assistant is told.
    `album` is the media group whose messages are answered together; `message_id` is Telegram's, 0 if it has none.
    """

    kind: Kind
    opening: Opening | None = None
    text: str = ""
    question: str = ""
    client_id: str | None = None
    sender: str = ""
    content: str = "text"
    command: str | None = None
    reply: bool = True
    private: bool = True
    reason: str = ""
    start: str = ""
    quoted: tuple[str, str] | None = None
    album: str | None = None
    message_id: int = 0
    connection_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    incoming: Incoming | None = None

    def draft(self) -> MessageDraft:
        """The message as it is appended to its dialog."""
        return MessageDraft(
            id=uuid7(),
            role="customer",
            text=self.text,
            client_id=self.client_id,
            attachments=described(self.attachments) if self.attachments else [],
            context=self.context or None,
        )


def read(row: InboxRow, bot: Bot | None) -> Meaning:
    """What a row means; `bot` is its bot for the Telegram channel. Raises Poisoned with the reason."""
    if row.channel == "web":
        return _web(row)
    if bot is None or bot.tenant_id != row.tenant_id:
        return Meaning("ignore", reason="the bot was removed")
    incoming = parse_update(row.raw, bot_id=bot.id, username=bot.username)
    if incoming.kind == "ignored":
        return Meaning("ignore", reason=incoming.reason)
    if incoming.kind not in {"message", "edited"}:
        return Meaning("update", incoming=incoming)
    if not incoming.addressed:
        return Meaning("ignore", reason="a group's own conversation")
    meaning = _message(bot, incoming)
    return meaning if incoming.kind == "message" else replace(meaning, kind="update", incoming=incoming)


def _message(bot: Bot, incoming: Incoming) -> Meaning:
    return Meaning(
        "message",
        opening=_opening(bot, incoming),
        text=_shown(incoming),
        question=incoming.text,
        quoted=_quoted(incoming),
        client_id=incoming.message_key,
        sender=str(incoming.sender_id),
        content=incoming.content,
        command=incoming.command,
        reply=bot.state == "active",
        # A preview is only shown in a chat with the bot itself.
        private=incoming.chat_type == "private" and incoming.connection_id is None,
        start=incoming.argument if incoming.command == "start" else "",
        album=incoming.album,
        message_id=incoming.message_id,
        connection_id=incoming.connection_id,
        attachments=incoming.attachments,
        context=incoming.context,
    )


def _web(row: InboxRow) -> Meaning:
    try:
        message = WebMessage.from_bytes(row.raw)
    except (ValueError, KeyError, TypeError) as error:
        raise Poisoned(f"unexpected shape: {type(error).__name__}: {error}") from error
    opening = Opening(
        tenant_id=row.tenant_id,
        channel="web",
        source=str(message.site_id),
        address=str(message.dialog_id),
        dialog_id=message.dialog_id,
        slot=row.slot,
        assistant_id=message.assistant_id,
        external_id=message.visitor_id,
        name=message.name,
        language=message.locale,
    )
    return Meaning(
        "message",
        opening=opening,
        text=message.text,
        question=message.text,
        client_id=message.client_id,
        sender=message.visitor_id,
    )


def _opening(bot: Bot, incoming: Incoming) -> Opening:
    return Opening(
        tenant_id=bot.tenant_id,
        channel="telegram",
        source=str(bot.id),
        address=incoming.address,
        dialog_id=uuid7(),
        slot=bot.slot,
        assistant_id=bot.assistant_id,
        external_id=str(incoming.sender_id),
        name=incoming.sender_name,
        username=incoming.username,
        language=incoming.language,
    )


def _shown(incoming: Incoming) -> str:
    if not incoming.described:
        return incoming.text
    return f"[{incoming.described}] {incoming.text}".strip()


def _quoted(incoming: Incoming) -> tuple[str, str] | None:
    """(who said it, what) of the words that the message refers to: history for whoever answers, however old it is."""
    reply = incoming.context.get("reply_to", {})
    text = incoming.context.get("quote") or reply.get("text", "")
    if not text or incoming.command:
        return None
    return "assistant" if reply.get("author") == "bot" else "customer", text[:QUOTED_MAX]
