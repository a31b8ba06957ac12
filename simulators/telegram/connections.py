"""The sockets of bots: when a request began to arrive, slow accepts, resets.

`Wire` stands between the transport and aiohttp's protocol and passes everything on.
"""

import asyncio
import itertools
import os
import socket
import struct
import time
from collections.abc import Callable

from aiohttp import web

from simulators.telegram.clock import Clock

_NO_LINGER = struct.pack("ii", 1, 0)


class Wire(asyncio.Protocol):
    """One connection. `arrived`: monotonic seconds of the first byte of the request that is being read, 0 between."""

    def __init__(self, wires: "Wires", inner: asyncio.Protocol, number: int) -> None:
        self._wires = wires
        self._inner = inner
        self.number = number
        self.arrived = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected; nothing is read yet while accepts are slow."""
        self._wires.open[self._inner] = self
        self._inner.connection_made(transport)
        delay = self._wires.accept_delay()
        if delay and isinstance(transport, asyncio.Transport):
            transport.pause_reading()
            self._wires.clock.call_later(delay, transport.resume_reading)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if not self.arrived:
            self.arrived = time.monotonic()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client will send no more."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._wires.open.pop(self._inner, None)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._inner.resume_writing()

    def take_arrival(self) -> float:
        """When the request arrived that has now been read whole; the next one starts afresh."""
        arrived, self.arrived = self.arrived or time.monotonic(), 0.0
        return arrived


class Wires:
    """The open connections, by aiohttp's protocol."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.open: dict[asyncio.BaseProtocol, Wire] = {}
        self.accept_delay: Callable[[], float] = lambda: 0.0
        self._numbers = itertools.count(1)

    def factory(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], Wire]:
        """A protocol factory around aiohttp's."""
        return lambda: Wire(self, make(), next(self._numbers))

    def of(self, request: web.Request) -> Wire | None:
        """The connection of a request, None when it is gone."""
        return self.open.get(request.protocol)


class Site(web.BaseSite):
    """A listening socket whose connections are `Wires`."""

    def __init__(self, runner: web.AppRunner, wires: Wires, host: str, port: int) -> None:
        super().__init__(runner)
        self._wires = wires
        self._address = (host, port)

    @property
    def name(self) -> str:
        """How the site is called in logs."""
        return "http://{}:{}".format(*self._address)

    async def start(self) -> None:
        """Listen. OSError when the port is taken."""
        await super().start()
        server = self._runner.server
        assert server is not None
        host, port = self._address
        self._server = await asyncio.get_running_loop().create_server(
            self._wires.factory(server), host, port, backlog=1024
        )


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a connection with RST, whatever is still unsent."""
    connected = transport.get_extra_info("socket")
    if connected is None:
        return
    with socket.socket(fileno=os.dup(connected.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
