"""Connections to one server: reused while they are young, bounded, closed before the server closes them."""

import asyncio
import ssl
from collections import deque
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from domain.clients.telegram.wire import Connection

CONNECT_SECONDS = 5.0  # for TCP and TLS together
RETIRE_AFTER = 30.0  # seconds; api.telegram.org closes a pooled connection ~39 s after it was opened
SWEEP_EVERY = 5.0  # seconds between looks for idle connections that are too old
ADDRESSES_FOR = 60.0  # seconds a host's addresses are remembered


class NotConnected(Exception):
    """There is no connection to write on: nothing was written."""


class Origin(NamedTuple):
    """A server as its URL names it."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an http(s) URL."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls)


class Pool:
    """Connections to one origin. `retire_after` None: for calls that may be repeated, a closed one does no harm."""

    def __init__(
        self, origin: Origin, *, limit: int, retire_after: float | None, context: ssl.SSLContext | None
    ) -> None:
        self._origin = origin
        self._limit = limit
        self._retire_after = retire_after
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._addresses: list[str] = []
        self._resolved_at = -1e9
        self._sweeper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open) + self._opening

    def take(self) -> Connection | None:
        """An idle connection that is young enough, the latest used first; write on it before anything else runs."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and not self._is_old(connection):
                return connection
            connection.close()
        return None

    async def open(self, seconds: float) -> Connection:
        """A connection, new if need be, within `seconds`. Raises NotConnected."""
        try:
            async with asyncio.timeout(seconds):
                while len(self) >= self._limit:
                    await self._wait()
                    if (idle := self.take()) is not None:
                        return idle
                async with asyncio.timeout(CONNECT_SECONDS):
                    connection = await self._connect()
        except TimeoutError:
            raise NotConnected(f"no connection to {self._origin.host} in time") from None
        except (OSError, ValueError) as error:
            raise NotConnected(f"no connection to {self._origin.host}: {error}") from error
        if not connection.usable:
            raise NotConnected(f"{self._origin.host} closed the connection at once")
        return connection

    def give_back(self, connection: Connection) -> None:
        """Its request is answered, or was never written."""
        if not connection.usable:
            return
        if self._is_old(connection):
            connection.close()
            return
        self._idle.append(connection)
        self._wake_one()

    def close(self) -> None:
        """End every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._idle.clear()
        for connection in list(self._open):
            connection.close()

    def _is_old(self, connection: Connection) -> bool:
        return self._retire_after is not None and self._loop.time() - connection.born >= self._retire_after

    async def _wait(self) -> None:
        ready = self._loop.create_future()
        self._waiting.append(ready)
        try:
            await ready
        finally:
            if ready in self._waiting:
                self._waiting.remove(ready)
            elif ready.cancelled():
                self._wake_one()  # it was woken as it gave up: the next in line gets what it did not take

    def _wake_one(self) -> None:
        while self._waiting:
            ready = self._waiting.popleft()
            if not ready.done():
                ready.set_result(None)
                return

    async def _connect(self) -> Connection:
        self._opening += 1
        try:
            connection = await self._connect_any(await self._resolve())
        except BaseException:
            self._opening -= 1
            self._resolved_at = -1e9
            self._wake_one()
            raise
        self._opening -= 1
        self._open.add(connection)
        if self._sweeper is None and self._retire_after is not None:
            self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep)
        return connection

    async def _connect_any(self, addresses: list[str]) -> Connection:
        """To the first address that takes it; an unreachable one fails at once, a silent one is passed over in time."""
        failed: Exception = OSError("it has no address")
        for number, address in enumerate(addresses):
            share = CONNECT_SECONDS / (len(addresses) - number + 1)
            try:
                async with asyncio.timeout(share if number + 1 < len(addresses) else None):
                    return await self._connect_to(address)
            except (OSError, TimeoutError) as error:
                failed = error
        raise failed

    async def _connect_to(self, address: str) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, self._lost),
            address,
            self._origin.port,
            ssl=self._context if self._origin.tls else None,
            server_hostname=self._origin.host if self._origin.tls else None,
        )
        return connection

    async def _resolve(self) -> list[str]:
        now = self._loop.time()
        if now - self._resolved_at >= ADDRESSES_FOR:
            found = await self._loop.getaddrinfo(self._origin.host, self._origin.port, type=1)
            # IPv4 first: where IPv6 leads nowhere, it does so silently.
            self._addresses = list(
                dict.fromkeys(str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0]))
            )
            self._resolved_at = now
        return self._addresses

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake_one()

    def _sweep(self) -> None:
        young = [connection for connection in self._idle if not self._is_old(connection)]
        for connection in set(self._idle) - set(young):
            connection.close()
        self._idle = young
        self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep) if self._open else None


class Session:
    """The pools of a process: a few connections for calls, and one a bot for long polls, which never hold up a call."""

    def __init__(self, *, connections: int, context: ssl.SSLContext | None = None) -> None:
        self._connections = connections
        self._context = context
        self._pools: dict[tuple[Origin, bool], Pool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def pool(self, origin: Origin, *, polls: bool = False) -> Pool:
        """The pool of an origin, for calls or for long polls."""
        found = self._pools.get((origin, polls))
        if found is None:
            if self._context is None and origin.tls:
                self._context = ssl.create_default_context()
            limit, retire_after = (100_000, None) if polls else (self._connections, RETIRE_AFTER)
            found = Pool(origin, limit=limit, retire_after=retire_after, context=self._context)
            self._pools[origin, polls] = found
        return found

    async def close(self) -> None:
        """Close every connection, and wait until they are closed."""
        for pool in self._pools.values():
            pool.close()
        for _ in range(100):
            if not any(len(pool) for pool in self._pools.values()):
                break
            await asyncio.sleep(0.01)
        self._pools.clear()
