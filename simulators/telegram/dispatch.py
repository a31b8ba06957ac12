"""From a request to an answer: token, parameters, faults, the method, the call log."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from simulators.telegram import methods as _registered  # noqa: F401  (importing registers the methods)
from simulators.telegram.call_log import ApiCall
from simulators.telegram.clock import sleep
from simulators.telegram.core import Call, Core, Described
from simulators.telegram.errors import ApiError, too_many_requests
from simulators.telegram.faults import Fault
from simulators.telegram.methods.registry import METHODS, Handler
from simulators.telegram.methods.updates import RawResult
from simulators.telegram.model import Bot
from simulators.telegram.params import Params, from_mapping, read_params
from simulators.telegram.webhook_http import Answer

_TOKEN = re.compile(r"[1-9]\d{0,15}:[A-Za-z0-9_-]{1,64}")
_GATEWAY_ERRORS = {"502": "Bad Gateway", "504": "Gateway Time-out"}
_NOT_IN_REPLIES = frozenset({"deletewebhook", "setwebhook", "close", "logout"})


@dataclass(frozen=True)
class Reply:
    """An answer; `cut` means the connection is closed without one."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    retry_after: int = 0
    description: str = ""
    cut: bool = False


def success(result: object) -> Reply:
    """{"ok": true, ...}"""
    if isinstance(result, RawResult):
        return Reply(200, b'{"ok":true,"result":' + result.data + b"}")
    if isinstance(result, Described):
        body = {"ok": True, "result": result.result, "description": result.description}
        return Reply(200, orjson.dumps(body), description=result.description)
    return Reply(200, b'{"ok":true,"result":' + orjson.dumps(result) + b"}")


def refusal(error: ApiError) -> Reply:
    """{"ok": false, ...}"""
    body: dict[str, object] = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    retry_after = int((error.parameters or {}).get("retry_after", 0))
    return Reply(error.code, orjson.dumps(body), retry_after=retry_after, description=error.description)


def find_bot(core: Core, token: str) -> Bot:
    """The bot of a token. 404 when it is malformed, 401 when nobody has it."""
    if not _TOKEN.fullmatch(token):
        raise ApiError(404, "Not Found")
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


async def execute(core: Core, bot: Bot, name: str, params: Params, via: str = "http") -> Reply:
    """Run one call of a bot, scripted faults included, and log it."""
    entry = core.calls.begin(core.clock.now(), bot.id, name, params.values, via)
    reply = Reply(500)
    try:
        fault = core.faults.take(bot.id, name, params.long("chat_id"))
        if fault is not None and not fault.after and fault.action != "delay":
            reply = await _misfortune(core, fault)
        else:
            reply = await _run(core, bot, name, params, entry)
            if fault is not None:
                reply = await _misfortune(core, fault) if fault.after else reply
                if fault.action == "delay":
                    await sleep(core.clock, fault.seconds)
    finally:
        entry.status = -1 if reply.cut else reply.status
        entry.description = reply.description
        entry.finished_at = core.clock.now()
        core.hub.touch()
    return reply


async def _run(core: Core, bot: Bot, name: str, params: Params, entry: ApiCall) -> Reply:
    try:
        entry.method, handler = find_method(name)
        return success(await handler(Call(core, bot, params, entry.via)))
    except ApiError as error:
        return refusal(error)


async def _misfortune(core: Core, fault: Fault) -> Reply:
    if fault.action == "429":
        return refusal(too_many_requests(fault.retry_after))
    if fault.action == "500":
        return refusal(ApiError(500, fault.description or "Internal Server Error"))
    if fault.action == "error":
        return refusal(ApiError(fault.code, fault.description or "Bad Request: SCRIPTED"))
    if fault.action in _GATEWAY_ERRORS:
        title = f"{fault.action} {_GATEWAY_ERRORS[fault.action]}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        page += "<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
        return Reply(int(fault.action), page.encode(), "text/html", description=title)
    if fault.action == "hang":
        await sleep(core.clock, fault.seconds)
    return Reply(0, cut=True)


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
        await execute(core, bot, name, from_mapping(values), "webhook")


async def answer_request(core: Core, request: web.Request) -> web.StreamResponse:
    """The HTTP face of the Bot API."""
    try:
        bot = find_bot(core, request.match_info["token"])
        params = await read_params(request)
        reply = await execute(core, bot, request.match_info["method"], params)
    except ApiError as error:
        reply = refusal(error)
    if reply.cut:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    headers = {"Retry-After": str(reply.retry_after)} if reply.retry_after else None
    return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type, headers=headers)


async def answer_download(core: Core, request: web.Request) -> web.StreamResponse:
    """/file/bot<TOKEN>/<path>"""
    try:
        find_bot(core, request.match_info["token"])
        stored = core.files.at(request.match_info["path"])
        if stored is None:
            raise ApiError(404, "Not Found")
    except ApiError as error:
        reply = refusal(error)
        return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)
    return web.Response(body=stored.data, content_type="application/octet-stream")
