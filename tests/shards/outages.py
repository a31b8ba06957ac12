"""Ways for things to go wrong: an assistant that waits, a worker that dies, a server that is away for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from domain.answering.model import Answer, Emit, Question
from domain.kit.tasks import Tasks
from shards.worker import Worker


@dataclass
class Assistant:
    """Answers with the question, once `gate` is open; `stuck` questions never end. Emits `pieces` before that."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    pieces: tuple[str, ...] = ()

    async def answer(self, question: Question, emit: Emit) -> Answer:
        """One turn."""
        self.asked.append(question.text)
        for piece in self.pieces:
            await emit(piece)
        if question.text in self.stuck:
            await asyncio.Event().wait()
        await self.gate.wait()
        return Answer(question.text)

    def instant(self, *_: object) -> None:
        """Nothing: it thinks about everything."""

    def serve(self, *workers: Worker) -> None:
        """Answer for these workers from now on."""
        for worker in workers:
            worker._turn_parts = replace(worker._turn_parts, answering=cast("Any", self))


async def crash(worker: Worker) -> None:
    """The process is gone between two instructions: it writes nothing more, and its lease runs out now."""
    worker.lease.draining = True
    worker.lease.deadline = 0.0
    member = worker.ownership.member_id
    await worker.close()
    async with worker._clients.db.worker_tx() as conn:
        await conn.execute("UPDATE shard_members SET expires_at = clock_timestamp() WHERE id = $1", member)


class Line:
    """A TCP line to a server that can be cut and mended, or hang: nothing gets through, and nobody is told."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks = Tasks("line")
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._flow = asyncio.Event()
        self._flow.set()
        self.port = 0

    async def mend(self) -> None:
        """Accept connections (again)."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """Keep every connection, also new ones, and carry nothing."""
        self._flow.clear()

    def flow(self) -> None:
        """Carry again what came meanwhile."""
        self._flow.set()

    async def cut(self) -> None:
        """Refuse new connections and break those that are open."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._tasks.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.short("connection", self._carry(reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        copies = [self._tasks.short("copy", self._copy(*ends)) for ends in ((reader, back), (there, writer))]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            for end in (writer, back):
                self._writers.discard(end)
                end.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._flow.wait()
                target.write(data)
                await target.drain()


@asynccontextmanager
async def open_line(host: str, port: int) -> AsyncIterator[Line]:
    """A line that works."""
    line = Line(host, port)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()


def through(dsn: str, port: int) -> str:
    """`dsn`, over a line that listens on `port`."""
    parts = urlsplit(dsn)
    host = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{host}127.0.0.1:{port}"))
