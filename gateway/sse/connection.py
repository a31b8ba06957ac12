"""The socket of a stream: headers, a deadline for each write, and small buffers for clients that do not read."""

import asyncio
import socket

from aiohttp import web

from gateway.sse.timing import Timing

_SEND_BUFFER = 64 << 10  # bytes; the kernel's default lets 4 MB pile up for a client that has stopped reading
_USER_TIMEOUT = 30_000  # ms until unacknowledged data ends a half-open connection


class Connection:
    """An open event stream."""

    def __init__(self, request: web.Request, timing: Timing) -> None:
        self._request = request
        self._timing = timing
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    async def open(self) -> web.StreamResponse:
        """Send the headers."""
        await self._response.prepare(self._request)
        sock = self._request.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._response

    async def send(self, data: bytes) -> None:
        """Write; aiohttp's drain waits for ever, so past the deadline the connection is cut.

        Raises ConnectionResetError when the client is gone or was cut off.
        """
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has left")
        try:
            async with asyncio.timeout(self._timing.write_deadline):
                await self._response.write(data)
                if transport.get_write_buffer_size() > _SEND_BUFFER:
                    await self._response.drain()
        except TimeoutError as error:
            transport.abort()
            raise ConnectionResetError("the client does not read") from error

    async def close(self) -> None:
        """End the response properly, so that the client reconnects instead of reporting an error."""
        try:
            async with asyncio.timeout(self._timing.write_deadline):
                await self._response.write_eof()
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
