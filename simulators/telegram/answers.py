"""What goes back to a bot: good answers, refusals, and the scripted ways in which an answer can go wrong."""

import asyncio
from dataclasses import dataclass

import orjson
from aiohttp import web

from simulators.telegram.connections import reset
from simulators.telegram.core import Core, Described
from simulators.telegram.errors import ApiError, core_error, too_many_requests
from simulators.telegram.faults import Fault
from simulators.telegram.methods.updates import RawResult

_GATEWAY_ERRORS = {"502": "Bad Gateway", "504": "Gateway Time-out"}
_PIECES = 10


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `manner`: "" (as it should be), cut (closed without one), reset (half of it, then RST), slow (its body
    takes `seconds`)."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    retry_after: int = 0
    description: str = ""
    manner: str = ""
    seconds: float = 0.0
    message_id: int = 0


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


async def misfortune(core: Core, fault: Fault, body: bytes = b'{"ok":true,"result":{}}') -> Reply:
    """The answer a scripted fault leads to; `body` is the good one that is not sent, or only half."""
    if fault.action == "429":
        return refusal(too_many_requests(fault.retry_after))
    if fault.action == "500":
        return refusal(ApiError(500, fault.description or "Internal Server Error"))
    if fault.action == "error":
        return refusal(ApiError(fault.code, fault.description or "Bad Request: SCRIPTED", fault.parameters))
    if fault.action == "core":
        return refusal(core_error(fault.code, fault.description))
    if fault.action in _GATEWAY_ERRORS:
        title = f"{fault.action} {_GATEWAY_ERRORS[fault.action]}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        page += "<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
        return Reply(int(fault.action), page.encode(), "text/html", description=title)
    if fault.action == "reset":
        return Reply(200, body, manner="reset")
    if fault.action == "hang":
        await core.waits.sleep(fault.seconds)
    return Reply(0, manner="cut")


async def send_reply(core: Core, request: web.Request, reply: Reply) -> web.StreamResponse:
    """Write an answer in its manner."""
    headers = {"Retry-After": str(reply.retry_after)} if reply.retry_after else None
    if not reply.manner:
        return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type, headers=headers)
    if reply.manner == "cut":
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_type = reply.content_type
    response.content_length = len(reply.body)
    await response.prepare(request)
    if reply.manner == "reset":
        await response.write(reply.body[: len(reply.body) // 2])
        await asyncio.sleep(0)
        if request.transport is not None:
            reset(request.transport)
    else:
        await _write_slowly(core, response, reply)
    return response


async def _write_slowly(core: Core, response: web.StreamResponse, reply: Reply) -> None:
    size = max(1, -(-len(reply.body) // _PIECES))
    for begin in range(0, len(reply.body), size):
        try:
            await core.waits.sleep(reply.seconds / _PIECES)
        except ApiError:
            break  # the server shuts down in the middle of an answer
        await response.write(reply.body[begin : begin + size])
