"""What the lanes of a shard do, for /metrics/telegram-rate-limit: kept in Redis for a few seconds."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

import orjson

from domain.bus import Publisher, rate_limits_key

KEPT = 15  # seconds the last figures outlive their shard


class Figures(TypedDict):
    """A lane as /metrics/telegram-rate-limit shows it; times in seconds from now."""

    rate: int
    tokens: int
    queue: int
    queue_bulk: int
    more_waiting: bool
    in_flight: int
    held_for: float
    chats_held: int
    floods_hour: int
    floods_total: int


async def publish_figures(publisher: Publisher, member: str, at: datetime, bots: Mapping[int, Figures]) -> None:
    """Replace this shard's figures: bot id -> what it does; `at` is when."""
    value = orjson.dumps({"at": at.timestamp(), "bots": {str(bot_id): figures for bot_id, figures in bots.items()}})
    await publisher.save_field(rate_limits_key(), member, value, KEPT)
