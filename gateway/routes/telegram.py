"""Telegram's webhooks: stored as they came, answered after the commit. Telegram repeats what is not answered 2xx."""

import hashlib
import hmac
import re

import orjson
from aiohttp import web

from domain.inbox import Arrival
from domain.kit.errors import Forbidden, NotFound
from gateway.bodies import read_raw
from gateway.call import Call
from gateway.routing import Route

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the header's name
# Telegram writes update_id first; finding it there is much cheaper than parsing the update.
_UPDATE_ID = re.compile(rb'\s*\{\s*"update_id"\s*:\s*(\d{1,18})\s*[,}]')


async def receive(call: Call, path_secret: str) -> web.StreamResponse:
    """Store one update. Raises NotFound, Forbidden, Unavailable (then Telegram sends it again)."""
    target = await call.services.webhooks.find(path_secret)
    if target is None:
        raise NotFound("There is no webhook at this address.")
    given = call.request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(given.encode(errors="replace"), target.header.encode()):
        raise Forbidden("The webhook's secret token is wrong.")
    raw = await read_raw(call.request)
    await call.services.inbox.put(
        Arrival(
            tenant_id=target.tenant_id,
            slot=target.slot,
            channel="telegram",
            source=target.source,
            source_id=source_id(raw),
            raw=raw,
        )
    )
    return web.Response()


def source_id(raw: bytes) -> str:
    """The update's id; for a body that is no update, its hash: it is stored all the same, and dead-lettered later."""
    found = _UPDATE_ID.match(raw)
    if found:
        return found[1].decode()
    try:
        value = orjson.loads(raw)["update_id"]
    except (ValueError, KeyError, TypeError):
        value = None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return "raw:" + hashlib.sha256(raw).hexdigest()


# What cannot be one of our secrets (an HMAC in base64url) is refused before anything is looked up.
PATH = "/telegram/{path_secret:[A-Za-z0-9_-]{43}}"
ROUTES = (Route("POST", PATH, receive, "telegram", "telegram", "Take one update.", listed=False),)
