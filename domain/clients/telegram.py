"""The Bot API: one POST, never repeated by the client, with an outcome that tells whether it may have arrived.

Telegram has no idempotency key. aiohttp repeats GET and PUT on a dropped keep-alive connection by itself, so only
POST is used; what to do with each outcome is the outbox's business.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson

from domain.kit.clock import Clock, SystemClock
from domain.kit.log import redact

SEND_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
RETIRE_AFTER = 30.0  # seconds; api.telegram.org closes a pooled connection ~39 s after it was opened


@dataclass(frozen=True, slots=True)
class Done:
    """Telegram answered ok; `result` is its JSON."""

    result: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram answered no: it did not happen. `parameters` may hold retry_after or migrate_to_chat_id."""

    code: int
    description: str
    parameters: dict[str, Any]

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before anything else is sent there, on 429."""
        value = self.parameters.get("retry_after")
        return float(value) if value is not None else None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request never left: it certainly did not happen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes were written and no definite answer came: it may have happened."""

    reason: str


Outcome = Done | Refused | NotSent | Unknown


class RetiringSession:
    """Sessions for the Bot API, one after the other: no connection gets a new request once it is RETIRE_AFTER old.

    A POST into a connection that Telegram is closing has an unknown outcome; aiohttp retires connections that were
    idle, not old ones, so the whole session is replaced, and closed when its last request is answered.
    """

    def __init__(self, *, connections: int, clock: Clock | None = None) -> None:
        self._connections = connections
        self._clock = clock or SystemClock()
        self._current: _Session | None = None
        self._retired: set[_Session] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def post(self, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """POST on a connection that is young enough; takes the options of ClientSession.post."""
        session = await self._young()
        session.requests += 1
        try:
            async with session.http.post(url, **options) as response:
                yield response
        finally:
            session.requests -= 1
            if session in self._retired and not session.requests:
                self._retired.discard(session)
                await session.http.close()

    async def close(self) -> None:
        """Close every connection."""
        for session in (*self._retired, *([self._current] if self._current else [])):
            await session.http.close()
        self._retired.clear()
        self._current = None

    async def _young(self) -> "_Session":
        now = self._clock.monotonic()
        old = self._current
        if old is not None and now - old.born < RETIRE_AFTER:
            return old
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=15, ttl_dns_cache=300)
        self._current = fresh = _Session(aiohttp.ClientSession(connector=connector, timeout=SEND_TIMEOUT), now)
        if old is not None and old.requests:
            self._retired.add(old)
        elif old is not None:
            await old.http.close()
        return fresh


@dataclass(eq=False, slots=True)
class _Session:
    http: aiohttp.ClientSession
    born: float
    requests: int = 0


def telegram_session(*, connections: int = 200) -> RetiringSession:
    """Connections to the Bot API, at most so many at once."""
    return RetiringSession(connections=connections)


class TelegramClient:
    """Calls methods for any bot; the token is given with each call and kept nowhere."""

    def __init__(self, session: RetiringSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")

    async def call(
        self, token: str, method: str, payload: dict[str, Any] | None = None, *, seconds: float = 60
    ) -> Outcome:
        """POST one method; `seconds` bounds the whole exchange."""
        url = f"{self._base_url}/bot{token}/{method}"
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=5)
        try:
            async with self._session.post(
                url, data=_encode(payload), headers=_JSON, timeout=limit, allow_redirects=False
            ) as response:
                return _read(response.status, await response.read())
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return NotSent(redact(f"{type(error).__name__}: {error}"))
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            return Unknown(redact(f"{type(error).__name__}: {error}"))


_JSON = {"Content-Type": "application/json"}


def _encode(payload: dict[str, Any] | None) -> bytes:
    return orjson.dumps(payload or {})


def _parse(body: bytes) -> Any:
    """orjson refuses half an emoji (a lone surrogate in escapes); one such update must not hide the rest of a batch."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def _read(status: int, body: bytes) -> Outcome:
    """A JSON body is Telegram's own word; anything else came from something in between, so nobody knows."""
    try:
        answer = _parse(body)
        if answer["ok"]:
            return Done(answer["result"])
        return Refused(int(answer["error_code"]), str(answer["description"]), answer.get("parameters") or {})
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unknown(f"HTTP {status} without a Bot API answer")
