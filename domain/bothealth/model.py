"""The health of bots."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Receiving = Literal["webhook", "polling", "none"]


@dataclass(frozen=True, slots=True)
class Check:
    """What getWebhookInfo said. `pending`: updates that wait at Telegram; `webhook_error` in Telegram's own words,
    `webhook_error_at` in Unix seconds."""

    receiving: Receiving
    pending: int
    webhook_error: str | None = None
    webhook_error_at: int | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened to a bot since the last note: 429s, the seconds they asked to wait, sends without an answer."""

    tenant_id: UUID
    bot_id: int
    floods: int
    flood_seconds: float
    uncertain: int


@dataclass(frozen=True, slots=True)
class Health:
    """A bot's health. Floods are the last hour's, failed and uncertain the last day's; `stale`: the check is so old
    that the owner should look again."""

    checked_at: datetime | None
    receiving: Receiving | None
    pending: int | None
    webhook_error: str | None
    webhook_error_at: datetime | None
    stale: bool
    floods: int
    flood_seconds: float
    waiting: int
    failed: int
    uncertain: int
    dialogs: int
    blocked: int
