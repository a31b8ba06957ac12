"""Rows of the outbox."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OutboxDraft:
    """A send to be committed with the message it carries: one per part, in order."""

    tenant_id: UUID
    slot: int
    bot_id: int
    dialog_id: UUID
    message_id: UUID
    chat_id: int
    part: int
    parts: int
    method: str
    payload: dict[str, Any]
    priority: int = 0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A send on its way. `resends` is 1 once it has been repeated after an unknown outcome; `wait` is how many
    seconds it (and everything behind it in its chat) has to wait, as of the reading."""

    id: int
    tenant_id: UUID
    slot: int
    bot_id: int
    dialog_id: UUID
    message_id: UUID
    chat_id: int
    part: int
    parts: int
    method: str
    payload: dict[str, Any]
    priority: int
    state: str
    attempts: int
    resends: int
    epoch: int
    wait: float
