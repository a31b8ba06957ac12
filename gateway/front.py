"""The front door of every connection: webhooks on a short way of their own, everything else to aiohttp.

A webhook is one known shape of request: path, Content-Length, secret, body. Such a request is read, stored and answered
here at a third of what aiohttp's way through the application costs. Whatever looks different in any way (a wrong or
missing secret, an unknown path, chunks, a large body, another method) is handed over to aiohttp with the bytes that
came so far, and its connection with it: there is one place that says no, and one that knows HTTP in full.
"""

import asyncio
import hmac
import re
import socket
from collections.abc import Callable
from typing import cast

import orjson
from aiohttp import web

from domain.inbox import Arrival
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from gateway.middleware import REQUESTS, SECONDS
from gateway.routes.telegram import PATH, SECRET_HEADER, source_id
from gateway.services import Services
from gateway.webhooks import Target

log = logger(__name__)

HEAD_MAX = 8 << 10  # bytes; more is aiohttp's business
BODY_MAX = 256 << 10  # bytes; an update has 4 KiB at most times, and 512 KiB at the very most
UNTRUSTED_MAX = 16 << 10  # bytes of a body that are kept before its sender has shown a secret that we know
PARTIAL_SECONDS = 30.0  # a request that is not complete by then is aborted
IDLE_SECONDS = 75.0  # a connection without a request is closed
STOP_SECONDS = 1.5  # at the end, an update that is being stored is answered within this
_SWEEP_EVERY = 5.0  # seconds

_LINE = re.compile(rb"POST /telegram/([A-Za-z0-9_-]{43}) HTTP/1\.1\r\n")
_LINE_LENGTH = len("POST /telegram/ HTTP/1.1\r\n") + 43
_START = b"POST /telegram/"
# Every line that begins so is found, also one whose number cannot be read: two of them are aiohttp's business.
_LENGTH = re.compile(rb"\r\ncontent-length(?::[ \t]*(\d{1,7})[ \t]*(?=\r\n))?", re.IGNORECASE)
_SECRET = re.compile(rb"\r\n" + SECRET_HEADER.lower().encode() + rb":[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
_SPECIAL = re.compile(
    rb"\r\n(?:[ \t]|transfer-encoding|content-encoding|expect|upgrade|connection:[ \t]*close)", re.IGNORECASE
)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: ReplyX\r\n\r\n"


class Door:
    """What all connections of a process share. `fallback` makes aiohttp's protocol for one connection."""

    def __init__(self, services: Services, fallback: Callable[[], asyncio.Protocol]) -> None:
        self.webhooks = services.webhooks
        self.inbox = services.inbox
        self.fallback = fallback
        self.clock = services.clock
        self.tasks = Tasks("door")
        self.fronts: set[Front] = set()
        self.closing = False
        self.stored = REQUESTS.labels("POST", PATH, "200")
        self.refused = REQUESTS.labels("POST", PATH, "503")
        self.seconds = SECONDS.labels("POST", PATH)

    def start(self) -> None:
        """Begin to look after slow and idle connections."""
        self.tasks.eternal("sweep", self._sweep())

    def front(self) -> asyncio.Protocol:
        """The protocol of one new connection."""
        return Front(self)

    async def stop(self, seconds: float) -> None:
        """Close idle connections now, the others when their update is stored, all after so many seconds."""
        self.closing = True
        for front in [front for front in self.fronts if not front.busy]:
            front.close()
        deadline = self.clock.monotonic() + seconds
        while self.fronts and self.clock.monotonic() < deadline:
            await self.clock.sleep(0.02)
        for front in list(self.fronts):
            front.close()
        await self.tasks.stop()

    async def _sweep(self) -> None:
        while True:
            await self.clock.sleep(_SWEEP_EVERY)
            now = self.clock.monotonic()
            for front in [front for front in self.fronts if front.overdue(now)]:
                front.close()


class Front(asyncio.Protocol):
    """One connection, until it is handed over."""

    __slots__ = ("_data", "_door", "_since", "_started", "_transport", "busy")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._since = door.clock.monotonic()
        self._started = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._door.fronts.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """They left; what was being stored is stored, and will come again as a duplicate."""
        self._transport = None
        self._door.fronts.discard(self)

    def eof_received(self) -> None:
        """They will send nothing more: the connection is closed."""

    def overdue(self, now: float) -> bool:
        """Whether it has waited too long for the rest of a request, or for the next one."""
        return not self.busy and now - self._since > (PARTIAL_SECONDS if self._data else IDLE_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._data and not self.busy:
            self._since = self._door.clock.monotonic()
        self._data = self._data + data if self._data else data
        if not self.busy:
            self._read()
        elif self._transport is not None and len(self._data) > HEAD_MAX:
            self._transport.pause_reading()  # a pipeline: one update after the other

    def _read(self) -> None:
        data = self._data
        line = _LINE.match(data)
        if line is None:
            if len(data) >= _LINE_LENGTH or not (data.startswith(_START) or _START.startswith(data)):
                self._hand_over()
            return
        head = data.find(b"\r\n\r\n", 0, HEAD_MAX)
        if head < 0:
            if len(data) >= HEAD_MAX:
                self._hand_over()
            return
        lengths = _LENGTH.findall(data, 0, head + 2)
        secrets = _SECRET.findall(data, 0, head + 2)
        if len(lengths) != 1 or len(secrets) != 1 or not lengths[0] or not _plain(data, head + 2):
            self._hand_over()
            return
        start, length, path = head + 4, int(lengths[0]), line[1].decode()
        missing = len(data) < start + length
        if length > BODY_MAX or (missing and length > UNTRUSTED_MAX and not self._trusted(path, secrets[0])):
            self._hand_over()  # it refuses without keeping the body
        elif not missing:
            self._take(path, secrets[0], start, start + length)

    def _trusted(self, path: str, secret: bytes) -> bool:
        target = self._door.webhooks.known(path)
        return target is not None and hmac.compare_digest(secret, target.header.encode())

    def _take(self, path: str, secret: bytes, start: int, end: int) -> None:
        """A whole request is here: data[start:end] is its body."""
        self.busy = True
        self._started = self._door.clock.monotonic()
        target = self._door.webhooks.known(path)
        if target is None:
            self._door.tasks.short("look-up", self._look_up(path, secret, start, end))
        else:
            self._store(target, secret, start, end)

    async def _look_up(self, path: str, secret: bytes, start: int, end: int) -> None:
        try:
            target = await self._door.webhooks.find(path)
        except Exception as error:  # noqa: BLE001  # the boundary: whatever it was, the connection must go on
            if not isinstance(error, Unavailable):
                log.error("webhook.not_found_out", error=repr(error))
            self._refuse(error, end)
            return
        self._store(target, secret, start, end)

    def _store(self, target: Target | None, secret: bytes, start: int, end: int) -> None:
        if target is None or not hmac.compare_digest(secret, target.header.encode()):
            self.busy = False
            self._hand_over()  # it says what is wrong
            return
        raw = self._data[start:end]
        arrival = Arrival(target.tenant_id, target.slot, "telegram", target.source, source_id(raw), raw)
        try:
            stored = self._door.inbox.submit(arrival)
        except Unavailable as error:
            self._refuse(error, end)
            return
        self._data = self._data[end:]
        stored.add_done_callback(self._stored)

    def _stored(self, stored: asyncio.Future[bool]) -> None:
        """The commit is over: only now may it be acknowledged."""
        error = asyncio.CancelledError() if stored.cancelled() else stored.exception()
        if error is not None:
            if not isinstance(error, Unavailable):
                log.error("webhook.not_stored", error=repr(error))
            self._refuse(error, 0)
            return
        self._answer(_OK)
        self._door.stored.inc()

    def _refuse(self, error: BaseException, end: int) -> None:
        """503: Telegram brings it again."""
        self._data = self._data[end:]
        seconds = getattr(error, "retry_after", None) or 1
        problem = {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": getattr(error, "detail", "It could not be stored; send it again."),
        }
        body = orjson.dumps(problem)
        head = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {int(seconds)}\r\nServer: ReplyX\r\n"
        rest = f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._answer((head + rest).encode() + body)
        self._door.refused.inc()

    def _answer(self, response: bytes) -> None:
        now = self._door.clock.monotonic()
        self._door.seconds.observe(now - self._started)
        self._since, self.busy = now, False
        if self._transport is None:
            return
        self._transport.write(response)
        if self._door.closing:
            self._transport.close()
            return
        self._transport.resume_reading()
        if self._data:
            asyncio.get_running_loop().call_soon(self._go_on)  # not at once: a pipeline must not become a deep stack

    def _go_on(self) -> None:
        if self._data and not self.busy:
            self._read()

    def _hand_over(self) -> None:
        """Give the connection to aiohttp, with all that was not answered here."""
        transport, data = self._transport, self._data
        self._door.fronts.discard(self)
        if transport is None:
            return
        self._transport, self._data = None, b""
        protocol = self._door.fallback()
        transport.set_protocol(protocol)
        transport.resume_reading()
        protocol.connection_made(transport)
        protocol.data_received(data)


def _plain(data: bytes, end: int) -> bool:
    """Whether the head has no line that other readers of HTTP might take for something else than we do: what changes
    the body's length, a continued line, an end of line that is not CRLF."""
    ends = data.count(b"\r\n", 0, end)
    return data.count(b"\n", 0, end) == ends == data.count(b"\r", 0, end) and not _SPECIAL.search(data, 0, end)


class FrontSite(web.BaseSite):
    """Serves a socket through a door."""

    def __init__(self, runner: web.AppRunner, sock: socket.socket, services: Services, *, backlog: int = 128) -> None:
        super().__init__(runner, backlog=backlog)
        self._sock = sock
        self._door = Door(services, cast("Callable[[], asyncio.Protocol]", runner.server))

    @property
    def name(self) -> str:
        """For logs."""
        return "front"

    async def start(self) -> None:
        """Listen."""
        await super().start()
        self._door.start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._door.front, sock=self._sock, backlog=self._backlog)

    async def stop(self) -> None:
        """Accept nothing new, and let what is being stored be answered; again changes nothing."""
        if self in self._runner.sites:
            await super().stop()
        await self._door.stop(STOP_SECONDS)
