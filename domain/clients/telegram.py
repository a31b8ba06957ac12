"""The Bot API: one POST, never repeated by the client, with an outcome that tells whether it may have arrived.

Telegram has no idempotency key. aiohttp repeats GET and PUT on a dropped keep-alive connection by itself, so only
POST is used; what to do with each outcome is the outbox's business.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

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


def telegram_session(*, connections: int = 200) -> aiohttp.ClientSession:
    """A session for the Bot API: idle connections are retired before Telegram would close them."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=15, ttl_dns_cache=300)
    return aiohttp.ClientSession(connector=connector, timeout=SEND_TIMEOUT, json_serialize=_to_json)


class TelegramClient:
    """Calls methods for any bot; the token is given with each call and kept nowhere."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
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


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


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
