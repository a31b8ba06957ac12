"""From a request to an answer: token, parameters, faults, the method, the call log."""

import re
import time
from dataclasses import replace
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from simulators.telegram import methods as _registered  # noqa: F401  (importing registers the methods)
from simulators.telegram.answers import Reply, misfortune, refusal, send_reply, success
from simulators.telegram.call_log import ApiCall, Origin, is_send
from simulators.telegram.core import Call, Core
from simulators.telegram.errors import ApiError
from simulators.telegram.methods.registry import METHODS, Handler
from simulators.telegram.model import Bot
from simulators.telegram.params import Params, from_mapping, read_params
from simulators.telegram.webhook_http import Answer

_TOKEN = re.compile(r"[1-9]\d{0,15}:[A-Za-z0-9_-]{1,64}")
_NOT_IN_REPLIES = frozenset({"deletewebhook", "setwebhook", "close", "logout"})


def find_bot(core: Core, token: str) -> Bot:
    """The bot of a token. 404 when it is malformed, 421 when another server has it, 401 when nobody has it."""
    if not _TOKEN.fullmatch(token):
        raise ApiError(404, "Not Found")
    if core.options.token_filter is not None:
        remainder, modulus = core.options.token_filter
        if int(token.split(":", 1)[0]) % modulus != remainder:
            raise ApiError(421, "Misdirected Request: unallowed token specified")
    bot = core.world.tokens.get(token)
    if bot is None and core.options.open and int(token.split(":", 1)[0]) not in core.world.bots:
        bot = core.world.add_bot(token)
    if bot is None:
        raise ApiError(401, "Unauthorized")
    if bot.closed:
        raise ApiError(400, bot.closed)
    return bot


def find_method(name: str) -> tuple[str, Handler]:
    """Name as written in the documentation, and handler. 404 for an unknown one."""
    found = METHODS.get(name.lower())
    if found is None:
        raise ApiError(404, "Not Found: method not found")
    return found


async def execute(core: Core, bot: Bot, name: str, params: Params, origin: Origin) -> Reply:
    """Run one call of a bot, scripted faults included, and log it."""
    entry = core.calls.begin(core.clock.now(), bot.id, name, params.values, origin)
    send = core.calls.begin_send(entry, params.long("chat_id")) if is_send(name.lower()) else None
    reply = Reply(500)
    bot.active += 1
    try:
        reply = await _with_faults(core, bot, params, entry)
    finally:
        bot.active -= 1
        entry.status = -1 if reply.manner in {"cut", "reset"} else reply.status
        entry.description = reply.description
        entry.finished_at = core.clock.now()
        if send is not None:
            send.method, send.status, send.effect, send.fault = entry.method, entry.status, entry.effect, entry.fault
            send.message_id, send.finished = reply.message_id, time.monotonic()
        core.hub.touch()
    return reply


async def _with_faults(core: Core, bot: Bot, params: Params, entry: ApiCall) -> Reply:
    try:
        fault = core.faults.take(bot.id, entry.method, params.long("chat_id"), params.text("text"))
        if fault is None:
            return await _run(core, bot, params, entry)
        entry.fault = fault.action
        if not fault.after and not fault.keeps_answer:
            return await misfortune(core, fault)
        reply = await _run(core, bot, params, entry)
        if not fault.keeps_answer:
            unlucky = await misfortune(core, fault, reply.body)
            return replace(unlucky, message_id=reply.message_id)
        if fault.action == "slow_body":
            return replace(reply, manner="slow", seconds=fault.seconds)
        await core.waits.sleep(fault.seconds)
    except ApiError as error:  # the server shuts down
        return refusal(error)
    return reply


async def _run(core: Core, bot: Bot, params: Params, entry: ApiCall) -> Reply:
    try:
        await core.admission.enter(bot)
        entry.method, handler = find_method(entry.method)
        result = await handler(Call(core, bot, params, entry.via))
    except ApiError as error:
        return refusal(error)
    entry.effect = True
    message_id = result.get("message_id", 0) if isinstance(result, dict) else 0
    return replace(success(result), message_id=message_id) if message_id else success(result)


async def run_webhook_reply(core: Core, bot: Bot, answer: Answer) -> None:
    """Execute the method named in a bot's answer to a webhook; nobody sees the result."""
    values: dict[str, object] = {}
    if answer.content_type == "application/json" and answer.body:
        try:
            decoded = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            return
        values = decoded if isinstance(decoded, dict) else {}
    elif answer.content_type == "application/x-www-form-urlencoded":
        values = dict(parse_qsl(answer.body.decode("utf-8", "replace")))
    name = str(values.pop("method", ""))
    if name and name.lower() not in _NOT_IN_REPLIES and not name.lower().startswith("get"):
        await execute(core, bot, name, from_mapping(values), Origin(time.monotonic(), via="webhook"))


async def answer_request(core: Core, request: web.Request) -> web.StreamResponse:
    """The HTTP face of the Bot API."""
    wire = core.wires.of(request)
    try:
        bot = find_bot(core, request.match_info["token"])
        forwarded = request.headers.get("X-Real-IP", "")
        core.admission.load(bot, forwarded or request.remote or "", forwarded=bool(forwarded))
        params = await read_params(request)
        origin = Origin(wire.take_arrival(), wire.number) if wire else Origin(time.monotonic())
        reply = await execute(core, bot, request.match_info["method"], params, origin)
    except ApiError as error:
        reply = refusal(error)
        if wire:
            wire.take_arrival()
    return await send_reply(core, request, reply)


async def answer_download(core: Core, request: web.Request) -> web.StreamResponse:
    """/file/bot<TOKEN>/<path>"""
    wire = core.wires.of(request)
    if wire:
        wire.take_arrival()
    try:
        find_bot(core, request.match_info["token"])
        stored = core.files.at(request.match_info["path"])
        if stored is None:
            raise ApiError(404, "Not Found")
    except ApiError as error:
        return await send_reply(core, request, refusal(error))
    return web.Response(body=stored.data, content_type="application/octet-stream")
