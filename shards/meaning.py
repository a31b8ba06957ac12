"""A row's bytes, and what they ask of us. Pure."""

from dataclasses import dataclass
from typing import Literal

from domain.bots import Bot
from domain.bots.updates import Incoming, Poisoned
from domain.bots.updates import parse as parse_update
from domain.dialogs import Opening
from domain.dialogs.web import WebMessage
from domain.inbox import InboxRow
from domain.kit.ids import uuid7

CONTENT_LABELS = {"photo": "photo", "voice": "voice message", "video_note": "video message"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to do with a row.

    message   append `text` (as shown) to the dialog of `opening`; the assistant is asked `question`.
    block / unblock  note it on the dialog.      ignore  nothing, for `reason`.
    `sender` tells people in a group apart; `reply` is False where only the record matters (a paused bot).
    `content` is what kind of message it was; `command` is "start" and the like.
    """

    kind: Literal["message", "block", "unblock", "ignore"]
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


def read(row: InboxRow, bot: Bot | None) -> Meaning:
    """What a row means; `bot` is its bot for the Telegram channel. Raises Poisoned with the reason."""
    if row.channel == "web":
        return _web(row)
    if bot is None or bot.tenant_id != row.tenant_id:
        return Meaning("ignore", reason="the bot was removed")
    incoming = parse_update(row.raw, bot_id=bot.id, username=bot.username)
    if incoming.kind == "ignored":
        return Meaning("ignore", reason=incoming.reason)
    if incoming.kind != "message":
        if incoming.chat_type != "private":
            return Meaning("ignore", reason="membership of a group")
        return Meaning("block" if incoming.kind == "blocked" else "unblock", opening=_opening(bot, incoming))
    if not incoming.addressed:
        return Meaning("ignore", reason="a group's own conversation")
    return Meaning(
        "message",
        opening=_opening(bot, incoming),
        text=_shown(incoming),
        question=incoming.text,
        client_id=str(incoming.message_id),
        sender=str(incoming.sender_id),
        content=incoming.content,
        command=incoming.command,
        reply=bot.state == "active",
        private=incoming.chat_type == "private",
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
    if incoming.content == "text":
        return incoming.text
    label = CONTENT_LABELS.get(incoming.content, incoming.content.replace("_", " "))
    return f"[{label}] {incoming.text}".strip()
