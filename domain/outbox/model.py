"""Rows of the outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from domain.kit.records import record

REPLY, BULK = 0, 9  # priorities: an answer, one of a broadcast's sends


@record(frozen=True, slots=True)
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
    priority: int = REPLY


@record(frozen=True, slots=True)
class OutboxRow:
    """A send on its way. `resends` is 1 once it has been repeated after an unknown outcome; `wait` is how many
    seconds it (and everything behind it in its chat) has to wait, as of the reading. `preview`: see previews.py."""

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
    created_at: datetime
    wait: float
    preview: bool = False
