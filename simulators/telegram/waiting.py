"""Everything that waits on behalf of a bot's request, so that a server that shuts down can answer all of it."""

import asyncio

from simulators.telegram.clock import Clock, wait_until
from simulators.telegram.errors import too_many_requests

SHUTDOWN_RETRY_AFTER = 5


class Waits:
    """Waits of requests. After `end`, each of them (and every new one) is refused: 429, retry after 5 seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()
        self.ended = False

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of clock time. ApiError 429 when the server shuts down."""
        await self.until(asyncio.get_running_loop().create_future(), seconds)

    async def until(self, future: "asyncio.Future[None]", seconds: float) -> bool:
        """Wait for `future`, at most `seconds`; False when time ran out. ApiError 429 when the server shuts down."""
        if self.ended:
            raise too_many_requests(SHUTDOWN_RETRY_AFTER)
        self._waiting.add(future)
        try:
            return await wait_until(self._clock, future, seconds)
        finally:
            self._waiting.discard(future)

    def end(self) -> None:
        """The server shuts down."""
        self.ended = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(too_many_requests(SHUTDOWN_RETRY_AFTER))
