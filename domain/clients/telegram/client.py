"""Methods of the Bot API, for any bot."""

import re
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import orjson

from domain.clients.telegram.outcomes import Done, NotSent, Outcome, Refused, Unknown, read_answer
from domain.clients.telegram.pool import NotConnected, Origin, Pool, Session
from domain.clients.telegram.responses import Response
from domain.clients.telegram.wire import Broken
from domain.kit.crashpoints import crash_point
from domain.kit.log import redact

MAX_ANSWER = 16 << 20  # bytes; a full getUpdates is about 4 MiB
_PLAIN_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")


class Gate(Protocol):
    """Who counts what is written."""

    def ask(self) -> bool:
        """With the connection in hand: whether the request may be written. If so, it is, before anything else runs."""
        ...

    def written(self) -> None:
        """It is on the socket (or its connection is gone), told once after each `ask` that said yes."""
        ...


def telegram_session(*, connections: int = 200) -> Session:
    """Connections to the Bot API, at most so many at once for calls."""
    return Session(connections=connections)


class TelegramClient:
    """Calls methods for any bot; the token is given with each call and kept nowhere."""

    def __init__(self, session: Session, base_url: str) -> None:
        self._session = session
        parts = urlsplit(base_url.rstrip("/"))
        self._origin = Origin.of(base_url)
        self._path = parts.path
        self._after_path = f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"

    async def call(
        self,
        token: str,
        method: str,
        payload: dict[str, Any] | None = None,
        *,
        seconds: float = 60,
        gate: Gate | None = None,
    ) -> Outcome:
        """POST one method; `seconds` bounds the wait for a connection, and then the exchange.

        `gate` is asked with the connection in hand; if it says no, nothing is written (NotSent).
        """
        body = orjson.dumps(payload) if payload else b"{}"
        head = (
            f"POST {self._path}/bot{_safe(token)}/{method}{self._after_path}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        pool = self._session.pool(self._origin, polls=method == "getUpdates")
        found = await _exchange(pool, head.encode() + body, seconds, MAX_ANSWER, gate)
        return found if not isinstance(found, Response) else read_answer(found.status, found.body)

    async def download(self, token: str, file_path: str, *, max_bytes: int, seconds: float = 60) -> Outcome:
        """The bytes of a file that getFile named; Done(bytes). A file is only read, so it may be asked for again."""
        head = f"GET {self._path}/file/bot{_safe(token)}/{quote(file_path)}{self._after_path}\r\n"
        found = await _exchange(self._session.pool(self._origin), head.encode(), seconds, max_bytes, None)
        if not isinstance(found, Response):
            return found
        if found.status == 200:
            return Done(found.body)
        refusal = read_answer(found.status, found.body)
        return refusal if isinstance(refusal, Refused) else Refused(found.status, "The file is not there.", {})


async def _exchange(
    pool: Pool, request: bytes, seconds: float, max_body: int, gate: Gate | None
) -> Response | NotSent | Unknown:
    try:
        connection = pool.take() or await pool.open(seconds)
    except NotConnected as error:
        return NotSent(redact(str(error)))
    # Between here and the write nothing else runs: what is counted now is written now, on an open connection.
    if gate is not None:
        if not gate.ask():
            pool.give_back(connection)
            return NotSent("it was not admitted")
        crash_point("send-admitted")
    on_written = gate.written if gate is not None else None
    try:
        return await connection.exchange(request, seconds=seconds, max_body=max_body, on_written=on_written)
    except Broken as error:
        return Unknown(redact(str(error)))
    finally:
        pool.give_back(connection)


def _safe(token: str) -> str:
    """A token as a part of a path; what is no token is escaped, so that it cannot add a header."""
    return token if _PLAIN_TOKEN.fullmatch(token) else quote(token, safe=":")
