"""What the lanes of a shard do, for /metrics/telegram-rate-limit: kept in Redis for a few seconds."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from domain.bus import Publisher, rate_limits_key
from shards.lanes import Figures

KEPT = 15  # seconds the last figures outlive their shard


async def publish_figures(publisher: Publisher, member: str, at: datetime, bots: Mapping[int, Figures]) -> None:
    """Replace this shard's figures: bot id -> what it does; `at` is when."""
    value = orjson.dumps({"at": at.timestamp(), "bots": {str(bot_id): figures for bot_id, figures in bots.items()}})
    await publisher.save_field(rate_limits_key(), member, value, KEPT)
