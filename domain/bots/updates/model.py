"""What an update means."""

from dataclasses import dataclass, field
from typing import Any, Literal

from domain.bots.addresses import Address
from domain.kit.records import record

Kind = Literal[
    "message", "edited", "blocked", "unblocked", "moved", "callback", "reaction", "connection", "stopped", "ignored"
]


class Poisoned(ValueError):
    """These bytes are not an Update we can read; the message is the reason for the dead letter."""


@record(frozen=True, slots=True)
class Attachment:
    """A file in a message: `kind` is the content's ("photo", "voice", ...), sizes are bytes, pixels and seconds."""

    kind: str
    file_id: str
    unique_id: str = ""
    size: int | None = None
    mime_type: str | None = None
    name: str | None = None
    duration: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A business account that lets the bot answer in its chats, or (`can_reply` False) does not any more."""

    id: str
    user_id: int
    can_reply: bool


@record(frozen=True, slots=True)
class Incoming:
    """What an update means.

    message     a customer wrote: `text` is what they said, or for other content its caption (may be empty).
    edited      they changed what they wrote; the fields are those of the message as it is now.
    blocked     they blocked the bot, or it was removed from the group or muted there.       unblocked  the reverse.
    moved       the group `chat_id` is the supergroup `new_chat_id` now.
    callback    a button was pressed: `callback_id` wants its answer.
    reaction    `emoji` are now the sender's reactions to `message_id`.
    connection  a business account connected, changed its rights, or left.
    stopped     they want no more of the answer whose draft is `draft_id`.
    ignored     nothing to do; `reason` says why.

    `content` names the kind of content ("text", "photo", "voice", ...), `described` says it in words ("voice message,
    0:12"; empty for text). `addressed` is False in a group when nobody spoke to the bot. `command` is "start" for
    "/start payload", whose payload is `argument`. `context` is what the message refers to (content.context_of).
    `album` is the media group it belongs to; `message_key` tells messages of a dialog apart.
    """

    kind: Kind
    reason: str = ""
    chat_id: int = 0
    chat_type: str = "private"
    topic_id: int | None = None
    connection_id: str | None = None
    sender_id: int = 0
    sender_name: str = ""
    username: str | None = None
    language: str | None = None
    message_id: int = 0
    message_key: str = ""
    text: str = ""
    content: str = "text"
    described: str = ""
    attachments: tuple[Attachment, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    album: str | None = None
    command: str | None = None
    argument: str = ""
    addressed: bool = True
    new_chat_id: int = 0
    callback_id: str = ""
    emoji: tuple[str, ...] = ()
    draft_id: int = 0
    connection: Connection | None = None

    @property
    def address(self) -> str:
        """The dialog's address within its bot."""
        return str(Address(self.chat_id, self.topic_id, self.connection_id))
