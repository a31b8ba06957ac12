"""Around every request: its id, the access log, metrics, the headers, and errors as problem JSON.

The log and the metrics name the route's pattern, never the raw path: a webhook's path is a secret.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from domain.kit.clock import Clock
from domain.kit.errors import ReplyxError
from domain.kit.ids import uuid7
from domain.kit.log import bound, logger
from domain.kit.metrics import Counter, Histogram
from gateway import problems
from gateway.peer import client_ip
from gateway.services import SERVICES

log = logger(__name__)

REQUEST_ID = web.RequestKey("request_id", str)
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

REQUESTS = Counter("replyx_http_requests_total", "HTTP requests, by route", ["method", "route", "status"])
SECONDS = Histogram(
    "replyx_http_request_seconds",
    "Seconds until the answer was complete, by route (streams not counted)",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_STREAM = "text/event-stream"
# Logged at debug level when all is well: checks, files, and webhooks, whose log line would cost more than they do.
_QUIET = ("/health", "/metrics", "/static", "/widget.js", "/telegram")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def route_of(request: web.Request) -> str:
    """The pattern of the request's route, or "unknown"."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, and write it down when it is over."""
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _SAFE_ID.fullmatch(given) else str(uuid7())
    request[REQUEST_ID] = request_id
    clock = request.app[SERVICES].clock
    started = clock.monotonic()
    with bound(request_id=request_id):
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            _record(request, 499, clock, started, streamed=True)  # the client left; nginx's number for it
            raise
        streamed = response.content_type == _STREAM
        _record(request, response.status, clock, started, streamed=streamed)
        return response


def _record(request: web.Request, status: int, clock: Clock, started: float, *, streamed: bool) -> None:
    route, seconds = route_of(request), clock.monotonic() - started
    REQUESTS.labels(request.method, route, str(status)).inc()
    if not streamed:
        SECONDS.labels(request.method, route).observe(seconds)
    write = log.debug if route.startswith(_QUIET) and status < 400 else log.info
    write(
        "http.request",
        method=request.method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        ip=client_ip(request),
    )


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem. The boundary of the process: a bug ends here, with its traceback in the log."""
    request_id = request[REQUEST_ID]
    try:
        return await handler(request)
    except ReplyxError as error:
        return problems.of_error(error, request_id=request_id)
    except web.HTTPException as error:
        return problems.of_http(error, request=request, request_id=request_id)
    except ConnectionError:
        raise  # the client left while it was being answered; there is nobody to tell
    except Exception as error:  # the named boundary
        log.error("http.crashed", route=route_of(request), exc_info=error)
        return problems.of_crash(request_id=request_id)


def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; a route that needs others has set its own before."""
    headers = response.headers
    with suppress(KeyError):
        headers["X-Request-ID"] = request[REQUEST_ID]
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
    headers.setdefault("Cache-Control", "no-store")
    if request.app[SERVICES].settings.base_url.startswith("https://"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    headers["Server"] = "ReplyX"
