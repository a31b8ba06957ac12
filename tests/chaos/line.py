"""A TCP line between the product and one of its servers, with everything that a network does to people."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from domain.kit.tasks import Tasks

CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no seconds: close sends RST


class _Connection:
    """Two directions; nothing passes while `open` is not set."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, ...]) -> None:
        self.writers = writers
        self.open = asyncio.Event()

    def reset(self) -> None:
        for writer in self.writers:
            found = writer.get_extra_info("socket")
            if found is not None:
                with suppress(OSError, ValueError):  # it is closed by now
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Line:
    """Carries bytes to `port` on loopback.

    latency     seconds each chunk is late        hush / speak  everything is swallowed for a while (a blackhole)
    cut / mend  RST, and nothing is accepted      orphan        what is connected now is silent for ever (half-open)
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._tasks = Tasks("line")
        self._connections: set[_Connection] = set()
        self._orphans: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._silent = False
        self.latency = 0.0
        self.port = 0
        self.accepted = 0

    async def mend(self) -> None:
        """Accept connections (again), and carry bytes without delay."""
        self.latency = 0.0
        self.speak()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def hush(self) -> None:
        """From now on nothing arrives anywhere, and nobody is told."""
        self._silent = True
        for connection in self._connections:
            connection.open.clear()

    def speak(self) -> None:
        """What was swallowed arrives; orphans stay silent."""
        self._silent = False
        for connection in self._connections - self._orphans:
            connection.open.set()

    def orphan(self) -> int:
        """The connections of this moment never carry a byte again; new ones do. Returns how many."""
        self._orphans |= self._connections
        for connection in self._connections:
            connection.open.clear()
        return len(self._orphans)

    async def cut(self) -> None:
        """RST everything, and refuse new connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.reset()
        await self._tasks.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._tasks.short("connection", self._carry(reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((writer, back))
        if not self._silent:
            connection.open.set()
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(connection, reader, back))
                group.create_task(self._copy(connection, there, writer))
        finally:
            self._connections.discard(connection)
            self._orphans.discard(connection)
            for end in connection.writers:
                end.transport.abort()

    async def _copy(self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        # uvloop: RuntimeError on a transport that is closed by now
        with suppress(OSError, RuntimeError):
            while data := await source.read(CHUNK):
                if self.latency:
                    await asyncio.sleep(self.latency)
                await connection.open.wait()
                sink.write(data)
                await sink.drain()
            # The end of a stream travels like a byte: a silent line does not tell that one side is gone.
            await connection.open.wait()
            sink.write_eof()
            return
        await connection.open.wait()
        connection.reset()


@asynccontextmanager
async def open_line(port: int) -> AsyncIterator[Line]:
    """A line that works."""
    line = Line(port)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()
