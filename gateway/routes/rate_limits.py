"""What the bots do within Telegram's limits, as their shards last said."""

from typing import Any

import orjson
from pydantic import BaseModel, Field

from domain.bus import rate_limits_key
from domain.kit.clock import SystemClock
from domain.kit.errors import Unavailable
from domain.kit.redis import DOWN
from gateway.call import Call
from gateway.routing import Route

FRESH = 15.0  # seconds; a shard says so every two

_CLOCK = SystemClock()


class BotLimitsOut(BaseModel):
    """One bot. Only bots that have sent, or have had something to send, within the last minute or so are listed."""

    bot_id: int
    shard: str
    rate: int = Field(description="Sends a second it may make.")
    tokens: int = Field(description="Sends it could make this moment.")
    queue: int = Field(description="Replies in the shard's memory that wait.")
    queue_bulk: int = Field(description="Sends of broadcasts in the shard's memory that wait.")
    more_waiting: bool = Field(description="Whether more waits in Postgres.")
    in_flight: int = Field(description="Sends without an outcome yet.")
    held_for: float = Field(description="Seconds for which Telegram's 429 silences the whole bot.")
    chats_held: int = Field(description="Chats that wait, after a 429 or an outage.")
    floods_hour: int = Field(description="429s in the last hour.")
    floods_total: int = Field(description="429s since the shard got the bot.")


class RateLimitsOut(BaseModel):
    """Ordered by what matters: held bots first, then the longest queues."""

    shards: int
    bots: list[BotLimitsOut]


async def rate_limits(call: Call) -> RateLimitsOut:
    """Merge what each shard said within the last seconds. Raises Unavailable without Redis."""
    try:
        said = await call.services.redis.hgetall(rate_limits_key())
    except DOWN as error:
        raise Unavailable("Redis does not answer; the shards' figures are kept there.", retry_after=2) from error
    oldest = _CLOCK.now().timestamp() - FRESH
    fresh = {_text(member): entry for member, value in said.items() if (entry := orjson.loads(value))["at"] > oldest}
    bots = [
        BotLimitsOut(bot_id=int(bot_id), shard=_program(member), **figures)
        for member, entry in fresh.items()
        for bot_id, figures in entry["bots"].items()
    ]
    bots.sort(key=lambda bot: (-bot.held_for, -bot.chats_held, -(bot.queue + bot.queue_bulk), bot.bot_id))
    return RateLimitsOut(shards=len(fresh), bots=bots)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _program(member: str) -> str:
    """`host:shard-00` of a member's id `host:shard-00:random`."""
    return member.rpartition(":")[0]


ROUTES = (
    Route(
        "GET",
        "/metrics/telegram-rate-limit",
        rate_limits,
        "ops",
        "system",
        "Telegram's limits, bot by bot: free places, queues, holds, 429s.",
    ),
)
