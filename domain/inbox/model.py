"""Rows of the inbox, going in and coming out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Channel = Literal["telegram", "web"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something to accept. (channel, source, source_id) is unique: (telegram, bot id, update_id) or
    (web, dialog id, the client's message id). `raw` is the body as it came."""

    tenant_id: UUID
    slot: int
    channel: Channel
    source: str
    source_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A row on its way through a shard. `dialog_id` and `message_seq` are set once it is accepted."""

    id: int
    tenant_id: UUID
    slot: int
    channel: Channel
    source: str
    source_id: str
    raw: bytes
    state: str
    attempts: int
    epoch: int
    dialog_id: UUID | None
    message_seq: int | None
    received_at: datetime
