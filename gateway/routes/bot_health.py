"""bots: how one is doing."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from domain.bothealth import Health
from domain.bothealth import service as bothealth
from domain.bots import Bot, rules
from domain.bots import service as bots
from domain.bus import LookAtBot, bell_channel
from gateway.call import Call
from gateway.routing import Route

Token = Literal["valid", "revoked", "unreadable", "unknown"]


class BotHealthOut(BaseModel):
    """A bot's health. What Telegram says of it is from `checked_at`; reading this has it asked again, at most every 30
    seconds, so that the next answer is fresh."""

    id: int
    state: Literal["active", "paused", "revoked"]
    token: Token = Field(
        description="unreadable: it was sealed with another key. unknown: Telegram was not asked about it yet."
    )
    problem: str | None = Field(description="What is wrong and what to do, in a sentence.")
    mode: Literal["webhook", "polling"] = Field(description="What was asked for.")
    receiving: Literal["webhook", "polling", "none"] | None = Field(description="What it is, by Telegram's account.")
    last_update_at: datetime | None
    checked_at: datetime | None
    pending_updates: int | None = Field(description="Updates that wait at Telegram.")
    webhook_error: str | None = Field(description="The last one, in Telegram's words.")
    webhook_error_at: datetime | None
    floods: int = Field(description="Calls that Telegram refused in the last hour because they were too many (429).")
    flood_seconds: float = Field(description="How long it asked to wait in the last hour, over all chats.")
    waiting: int = Field(description="Sends in the queue.")
    failed: int = Field(description="Sends of the last day that failed.")
    uncertain: int = Field(description="Sends of the last day of which nobody knows whether they arrived.")
    dialogs: int
    blocked: int = Field(description="Dialogs whose customer has blocked the bot.")
    blocked_share: float


async def bot_health(call: Call, bot_id: int) -> BotHealthOut:
    """Read it, and have Telegram asked if its last answer is old."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        bot = await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
        health = await bothealth.fetch_health(conn, tenant_id=tenant_id, bot_id=bot_id, slot=bot.slot)
    if health.stale:
        await call.services.publisher.publish([(bell_channel(bot.slot), LookAtBot(bot_id))])
    return _out(bot, health)


def _out(bot: Bot, health: Health) -> BotHealthOut:
    same = {name: getattr(health, name) for name in BotHealthOut.model_fields if hasattr(health, name)}
    return BotHealthOut(
        **same,
        id=bot.id,
        state=bot.state,
        token=_token(bot, health),
        problem=bot.last_error,
        mode=bot.mode,
        last_update_at=bot.last_update_at,
        pending_updates=health.pending,
        blocked_share=round(health.blocked / health.dialogs, 4) if health.dialogs else 0.0,
    )


def _token(bot: Bot, health: Health) -> Token:
    if bot.state == "revoked":
        return "revoked"
    if bot.last_error == rules.OTHER_KEY:
        return "unreadable"
    return "valid" if health.checked_at else "unknown"


ROUTES = (Route("GET", "/api/bots/{bot_id}/health", bot_health, "member", "bots", "How a bot is doing."),)
