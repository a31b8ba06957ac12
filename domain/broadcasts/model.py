"""A broadcast, whom it is for, and what became of each of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

BroadcastState = Literal["draft", "scheduled", "running", "paused", "done", "cancelled"]
RecipientState = Literal["waiting", "queued", "sent", "failed", "blocked", "uncertain", "cancelled"]

PRIORITY = 9  # in the outbox: behind every reply


@dataclass(frozen=True, slots=True)
class Button:
    """A link under the message, a row of its own."""

    text: str
    url: str

    def to_json(self) -> dict[str, str]:
        """As it is stored."""
        return {"text": self.text, "url": self.url}


@dataclass(frozen=True, slots=True)
class Audience:
    """Which private chats of the bot: those that fulfil every condition that is set.

    language     of the contact, "en" also means "en-GB".     active_days  the customer wrote within so many days.
    attribute    (name, value) of the contact.                dialog_ids   only these.
    """

    language: str | None = None
    active_days: int | None = None
    attribute: tuple[str, str] | None = None
    dialog_ids: tuple[UUID, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "language": self.language,
            "active_days": self.active_days,
            "attribute": None if self.attribute is None else list(self.attribute),
            "dialog_ids": None if self.dialog_ids is None else [str(dialog) for dialog in self.dialog_ids],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Audience":
        """Back again."""
        attribute, dialogs = stored.get("attribute"), stored.get("dialog_ids")
        return cls(
            language=stored.get("language"),
            active_days=stored.get("active_days"),
            attribute=None if attribute is None else (attribute[0], attribute[1]),
            dialog_ids=None if dialogs is None else tuple(UUID(dialog) for dialog in dialogs),
        )


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent. `text` is Markdown."""

    title: str
    text: str
    buttons: tuple[Button, ...]
    audience: Audience


@dataclass(frozen=True, slots=True)
class Progress:
    """Recipients by what became of them; together they are `total`, once `collected`.

    blocked    the customer blocked the bot, or the chat is gone.
    uncertain  Telegram did not say whether it arrived: held, never sent again.
    cancelled  not sent, because the broadcast was cancelled before.
    """

    collected: bool
    total: int
    waiting: int
    sent: int
    failed: int
    blocked: int
    uncertain: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast. `note` says why it does not go on, if it does not."""

    tenant_id: UUID
    id: UUID
    bot_id: int
    content: Content
    state: BroadcastState
    scheduled_at: datetime | None
    note: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class Recipient:
    """One customer of a broadcast."""

    dialog_id: UUID
    contact_name: str | None
    state: RecipientState
    reason: str | None
    message_id: UUID | None
    settled_at: datetime | None
