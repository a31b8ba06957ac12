"""Dialogs, messages, events."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from domain.kit.records import record

Mode = Literal["ai", "requested", "assigned", "active"]
Status = Literal["open", "closed"]
Role = Literal["customer", "assistant", "operator", "system"]
Delivery = Literal["none", "queued", "sent", "failed", "uncertain"]

AI_MODES = frozenset({"ai", "requested"})  # the assistant answers; a requested person has not come yet


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog as lists show it."""

    tenant_id: UUID
    id: UUID
    channel: str
    source: str
    address: str
    slot: int
    contact_id: UUID
    contact_name: str
    contact_language: str | None
    contact_attributes: dict[str, Any]
    assistant_id: UUID
    mode: Mode
    status: Status
    blocked_at: datetime | None
    last_seq: int
    last_text: str
    last_message_at: datetime
    created_at: datetime


@dataclass(slots=True)
class LockedDialog:
    """A dialog whose row this transaction holds. Mutable: DialogLog advances it and writes it back."""

    tenant_id: UUID
    id: UUID
    channel: str
    source: str
    address: str
    slot: int
    contact_id: UUID
    contact_language: str | None
    assistant_id: UUID
    mode: Mode
    status: Status
    last_seq: int
    last_text: str = ""
    blocked: bool = False
    touched: bool = False
    spoken: bool = False  # something was said: it moves to the top of the list


@record(frozen=True, slots=True)
class Opening:
    """Where an arrival belongs: its dialog if there is one, else what is needed to open it."""

    tenant_id: UUID
    channel: str
    source: str
    address: str
    dialog_id: UUID
    slot: int
    assistant_id: UUID
    external_id: str
    name: str = ""
    username: str | None = None
    language: str | None = None

    @property
    def key(self) -> tuple[UUID, str, str, str]:
        """What makes a dialog one."""
        return (self.tenant_id, self.channel, self.source, self.address)


@record(frozen=True, slots=True)
class MessageDraft:
    """A message to append; `id` is given so that a turn can name its answer before the commit.

    `attachments` and `context` are as `attachments.described` and `updates.Incoming` make them. `reply_to` is
    Telegram's id of the message it answers, for the send; it is not stored. `quiet`: said to many at once, so the list
    of dialogs neither moves this one nor shows it.
    """

    id: UUID
    role: Role
    text: str
    citations: list[dict[str, Any]] = field(default_factory=list)
    client_id: str | None = None
    turn_id: UUID | None = None
    delivery: Delivery = "none"
    verified: bool = False
    author: str | None = None
    receipt: dict[str, Any] | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] | None = None
    reply_to: int | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a dialog's log. `data` is what SSE sends; docs/api.md lists the kinds."""

    seq: int
    kind: str
    data: dict[str, Any]
