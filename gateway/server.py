"""The process: listening socket, signals, and the phases of its end."""

import asyncio
import signal
import socket
import stat
from contextlib import suppress
from os import fstat

from aiohttp import web

from domain.kit.log import logger
from domain.kit.settings import Settings
from gateway.app import TASKS, create_app
from gateway.front import STOP_SECONDS as FRONT_SECONDS
from gateway.front import FrontSite
from gateway.services import Services, open_services

log = logger(__name__)

_BACKLOG = 2048
_KEEPALIVE = 75.0  # seconds; longer than the proxy's, so that it is the proxy who closes idle connections

# The phases of the end with their deadlines in seconds; supervisord's stopwaitsecs is longer than their sum.
STREAMS_SECONDS = 2.0
REQUESTS_SECONDS = 6.0
COMPONENTS_SECONDS = 4.0
POOLS_SECONDS = 5.0
SHUTDOWN_SECONDS = FRONT_SECONDS + STREAMS_SECONDS + REQUESTS_SECONDS + COMPONENTS_SECONDS + POOLS_SECONDS


def listening_socket(port: int) -> socket.socket:
    """supervisord's socket (fd 0), shared by all gateways, or one of our own. Raises OSError when the port is taken."""
    with suppress(OSError):
        if stat.S_ISSOCK(fstat(0).st_mode):
            inherited = socket.socket(fileno=0)
            if inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return inherited
            inherited.detach()
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(("0.0.0.0", port))  # noqa: S104  # a server
    except OSError:
        own.close()
        raise
    return own


async def serve(settings: Settings, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve on `sock` until `stop` is set. Raises TaskEnded when a component dies, Unavailable without Postgres."""
    async with open_services(settings) as services:
        app = create_app(services)
        # handler_cancellation: a handler whose client left is cancelled at once. Nothing was promised to that client
        # yet, and a transaction is either committed or rolled back.
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=_KEEPALIVE,
            shutdown_timeout=REQUESTS_SECONDS,
        )
        await runner.setup()
        site = FrontSite(runner, sock, services, backlog=_BACKLOG)
        await site.start()
        log.info("gateway.started", address=sock.getsockname()[:2])
        try:
            await app[TASKS].run_until(stop)
        finally:
            await shut_down(runner, site, services)


async def shut_down(runner: web.AppRunner, site: web.BaseSite, services: Services) -> None:
    """The end, phase by phase. The pools are closed by `open_services`, last of all."""
    # 1. Accept nothing new; connections that wait in the shared socket go to the other gateways. Webhooks that are
    #    being stored are answered, for FRONT_SECONDS.
    await site.stop()
    # 2. Streams say goodbye, each with another delay, so that clients do not all come back in the same instant.
    streams_ended = await services.streams.end(seconds=STREAMS_SECONDS)
    # 3. Running requests finish, or are cancelled after REQUESTS_SECONDS; the inbox commits what it has taken.
    try:
        async with asyncio.timeout(REQUESTS_SECONDS + COMPONENTS_SECONDS):
            await runner.cleanup()
    except TimeoutError:
        log.error("gateway.cleanup_timed_out")
    log.info("gateway.stopped", streams_ended=streams_ended)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
