"""A bot as the rest of the system sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

BotMode = Literal["webhook", "polling"]
BotState = Literal["active", "paused", "revoked"]


@dataclass(frozen=True, slots=True)
class Bot:
    """A connected bot. `rate` is messages a second over all its chats; the token stays sealed."""

    tenant_id: UUID
    id: int
    assistant_id: UUID
    username: str
    name: str
    slot: int
    token_sealed: bytes
    mode: BotMode
    state: BotState
    rate: int
    last_error: str | None
    last_update_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BotSecrets:
    """Derived, never stored: the path of the bot's webhook and the header Telegram repeats with each call."""

    path: str
    header: str
