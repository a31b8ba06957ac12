"""A server that answers with the bytes it is told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from domain.kit.tasks import Tasks

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def ok(result: bytes = b"true") -> bytes:
    """Telegram's yes."""
    body = b'{"ok":true,"result":' + result + b"}"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@dataclass
class Server:
    """`answers` are given in order, the last one for ever: bytes, None (close without a word), or what writes."""

    answers: list[bytes | Answer | None] = field(default_factory=lambda: [ok()])
    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b""
                self.requests.append(head + body)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    break
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
        writer.close()


@asynccontextmanager
async def running_server(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server on a free port."""
    found, tasks = Server(), Tasks("server")

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.short("connection", found.serve(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    found.url = f"{'https://localhost' if context else 'http://127.0.0.1'}:{port}"
    try:
        yield found
    finally:
        server.close()
        await tasks.stop()
        for writer in found.writers:
            writer.transport.abort()
        await asyncio.sleep(0)
