"""Dead letters."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from domain.bus import Bell, DialogEvent

Kind = Literal["inbox", "outbox"]
Cause = Literal[
    "poison", "killed_worker", "unacceptable", "homeless", "refused", "given_up", "disconnected", "uncertain"
]
State = Literal["dead", "failed", "uncertain"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `source` is the bot's id, or the web dialog's; `raw` the first bytes of what came or was to be
    sent, `size` how many there are; `dialog_id` and `message_id` are missing for what never became a message."""

    tenant_id: UUID
    kind: Kind
    row_id: int
    state: State
    reason: str
    at: datetime
    channel: str
    source: str
    dialog_id: UUID | None
    message_id: UUID | None
    slot: int
    attempts: int
    raw: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which letter a page begins, newest first."""

    at: datetime
    kind: Kind
    row_id: int


@dataclass(frozen=True, slots=True)
class Retried:
    """What to publish after the commit: the bell of the slot, and what changed in the dialog."""

    tenant_id: UUID
    bell: Bell
    dialog_id: UUID | None = None
    events: list[DialogEvent] = field(default_factory=list)
