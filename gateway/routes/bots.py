"""bots: Telegram bots of the workspace."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.bots import Bot
from domain.bots import service as bots
from domain.bus import BotChanged, bell_channel
from domain.kit.errors import Invalid
from gateway.call import Call
from gateway.paging import Page, PageQuery, decode_number
from gateway.routes.models import Input
from gateway.routing import Route


class BotBody(Input):
    """A bot to connect."""

    token: str = Field(max_length=200, description="From @BotFather. It is stored sealed and never shown again.")
    assistant_id: UUID
    mode: Literal["webhook", "polling"] = "polling"


class BotChanges(Input):
    """What to change; a field that is not named stays."""

    assistant_id: UUID | None = None
    mode: Literal["webhook", "polling"] | None = None
    state: Literal["active", "paused"] | None = None
    rate: int | None = Field(None, ge=1, le=1000, description="Messages a second over all chats.")
    token: str | None = Field(None, max_length=200, description="A new token of the same bot.")


class BotOut(BaseModel):
    """A connected bot. `revoked` means Telegram refuses its token: send a new one."""

    id: int
    assistant_id: UUID
    username: str
    name: str
    mode: Literal["webhook", "polling"]
    state: Literal["active", "paused", "revoked"]
    rate: int
    status: Literal["ok", "problem", "paused", "revoked"] = Field(description="In a word; /health has the whole.")
    last_error: str | None = Field(description="What is wrong and what to do, in a sentence.")
    last_update_at: datetime | None
    created_at: datetime


async def list_bots(call: Call, query: PageQuery) -> Page[BotOut]:
    """By Telegram's id."""
    async with call.tenant_tx() as conn:
        rows = await bots.list_bots(
            conn,
            tenant_id=call.member.tenant_id,
            after=0 if query.cursor is None else decode_number(query.cursor),
            limit=query.limit + 1,
        )
    more = len(rows) > query.limit
    return Page(items=[_out(bot) for bot in rows[: query.limit]], next_cursor=str(rows[-2].id) if more else None)


async def add_bot(call: Call, body: BotBody) -> BotOut:
    """Ask Telegram whose token it is, then connect the bot."""
    token = body.token.strip()
    me = await bots.identify(call.services.telegram, token)
    async with call.tenant_tx() as conn:
        bot = await bots.add(
            conn,
            call.services.keyring,
            tenant_id=call.member.tenant_id,
            assistant_id=body.assistant_id,
            token=token,
            me=me,
            mode=body.mode,
            limit=call.services.settings.bots_max,
        )
    await _ring(call, bot.id, bot.slot)
    return _out(bot)


async def get_bot(call: Call, bot_id: int) -> BotOut:
    """Read one."""
    async with call.tenant_tx() as conn:
        return _out(await bots.get(conn, tenant_id=call.member.tenant_id, bot_id=bot_id))


async def change_bot(call: Call, bot_id: int, body: BotChanges) -> BotOut:
    """Change the named fields; a new token must be the same bot's."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
    sealed = await _sealed(call, bot_id, body.token.strip()) if body.token else None
    async with call.tenant_tx() as conn:
        bot = await bots.update(
            conn,
            tenant_id=tenant_id,
            bot_id=bot_id,
            assistant_id=body.assistant_id,
            mode=body.mode,
            state=body.state,
            rate=body.rate,
            token_sealed=sealed,
        )
    await _ring(call, bot.id, bot.slot)
    return _out(bot)


async def delete_bot(call: Call, bot_id: int) -> None:
    """Disconnect one; its dialogs stay."""
    async with call.tenant_tx() as conn:
        slot = await bots.delete(conn, tenant_id=call.member.tenant_id, bot_id=bot_id)
    await _ring(call, bot_id, slot)


async def _sealed(call: Call, bot_id: int, token: str) -> bytes:
    me = await bots.identify(call.services.telegram, token)
    if me.id != bot_id:
        raise Invalid(f"This token belongs to another bot, @{me.username}; connect that one separately.")
    return call.services.keyring.seal(token, place=bots.token_place(call.member.tenant_id, bot_id))


async def _ring(call: Call, bot_id: int, slot: int) -> None:
    await call.services.publisher.publish([(bell_channel(slot), BotChanged(bot_id))])


def _out(bot: Bot) -> BotOut:
    same = {name: getattr(bot, name) for name in BotOut.model_fields if hasattr(bot, name)}
    return BotOut(**same, status=_status(bot))


def _status(bot: Bot) -> Literal["ok", "problem", "paused", "revoked"]:
    if bot.state != "active":
        return bot.state
    return "problem" if bot.last_error else "ok"


_TAG = "bots"
_ONE = "/api/bots/{bot_id}"
ROUTES = (
    Route("GET", "/api/bots", list_bots, "member", _TAG, "List the bots."),
    Route("POST", "/api/bots", add_bot, "owner", _TAG, "Connect a bot by its token.", 201),
    Route("GET", _ONE, get_bot, "member", _TAG, "Read a bot."),
    Route("PATCH", _ONE, change_bot, "owner", _TAG, "Change, pause or resume a bot."),
    Route("DELETE", _ONE, delete_bot, "owner", _TAG, "Disconnect a bot; its dialogs stay.", 204),
)
