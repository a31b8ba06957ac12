"""A connection to the Bot API: one request at a time, never a second for the same call."""

import asyncio
from collections.abc import Callable
from typing import cast

from domain.clients.telegram.responses import BadResponse, Response, ResponseReader


class Broken(Exception):
    """The request was written and no response came: nobody knows whether it was carried out."""


class Connection(asyncio.Protocol):
    """Keep-alive HTTP/1.1. `born` is on the loop's clock; `on_lost` is told once when it is over."""

    __slots__ = ("_answer", "_full", "_loop", "_on_lost", "_on_written", "_reader", "_transport", "born")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._reader: ResponseReader | None = None
        self._full = False  # the socket did not take all of what was written yet
        self._on_written: Callable[[], None] | None = None
        self.born = loop.time()

    @property
    def usable(self) -> bool:
        """Whether a request may be written: open, as far as we know, and nothing is under way."""
        return self._answer is None and self._transport is not None and not self._transport.is_closing()

    async def exchange(
        self, request: bytes, *, seconds: float, max_body: int, on_written: Callable[[], None] | None = None
    ) -> Response:
        """Write a request at once, before anything else runs, and wait for its response.

        `on_written` is told once, when the socket has all of it or the connection is over. Only on a `usable`
        connection. Raises Broken; whatever ends early takes the connection with it.
        """
        transport = self._transport
        if transport is None or self._answer is not None:
            raise RuntimeError("the connection is not usable")
        answer: asyncio.Future[Response] = self._loop.create_future()
        self._answer = answer
        self._reader = ResponseReader(max_body)
        self._on_written = on_written
        transport.write(request)
        if not self._full:
            self._written()
        timer = self._loop.call_later(seconds, self._fail, "no answer in time")
        try:
            return await answer
        finally:
            timer.cancel()
            self._written()
            if self._answer is answer:  # cancelled: the response may still come, and must not be the next one's
                self._answer = None
                transport.abort()

    def close(self) -> None:
        """End it; who waits for a response gets Broken."""
        if self._answer is not None:
            self._fail("the client was closed")
        elif self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # `pause_writing` as soon as anything has to wait

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._full = True

    def resume_writing(self) -> None:
        """It has taken everything."""
        self._full = False
        self._written()

    def data_received(self, data: bytes) -> None:
        """Part of a response; what nobody asked for ends the connection."""
        if self._answer is None or self._reader is None:
            if self._transport is not None:
                self._transport.abort()
            return
        try:
            response = self._reader.feed(data)
        except BadResponse as error:
            self._fail(f"not a response: {error}")
            return
        if response is not None:
            self._finish(response)

    def eof_received(self) -> None:
        """The server wants no more; a body without a length ends here."""
        if self._answer is not None and self._reader is not None and (response := self._reader.end()) is not None:
            self._finish(response)

    def connection_lost(self, error: Exception | None) -> None:
        """Over."""
        if self._answer is not None:
            self._fail(f"the connection broke: {error!r}" if error else "the connection was closed before an answer")
        self._on_lost(self)

    def _written(self) -> None:
        told, self._on_written = self._on_written, None
        if told is not None:
            told()

    def _finish(self, response: Response) -> None:
        answer, self._answer, self._reader = self._answer, None, None
        if not response.keep and self._transport is not None:
            self._transport.close()
        if answer is not None and not answer.done():
            answer.set_result(response)

    def _fail(self, reason: str) -> None:
        answer, self._answer, self._reader = self._answer, None, None
        if self._transport is not None:
            self._transport.abort()
        if answer is not None and not answer.done():
            answer.set_exception(Broken(reason))
