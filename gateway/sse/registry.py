"""The open streams of this process: how many a client may have, and the end of all of them at shutdown."""

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager

from domain.kit.errors import Quota, Unavailable
from domain.kit.metrics import gauge
from gateway.sse.feed import Feed

MAX_PER_CLIENT = 12  # tabs of one visitor or person

OPEN = gauge("replyx_sse_streams", "Open event streams")


class Streams:
    """Counts streams by client."""

    def __init__(self) -> None:
        self._feeds: set[Feed] = set()
        self._by_client: Tally[str] = Tally()
        self._ending = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._feeds)

    @property
    def feeds(self) -> frozenset[Feed]:
        """The feeds of the open streams."""
        return frozenset(self._feeds)

    @contextmanager
    def enter(self, client: str, feed: Feed) -> Iterator[None]:
        """Count a stream while it is open. Raises Quota for one too many, Unavailable during shutdown."""
        if self._ending:
            raise Unavailable("This server is restarting; connect again.", retry_after=1)
        if self._by_client[client] >= MAX_PER_CLIENT:
            raise Quota("This chat is open in too many tabs; close some.", retry_after=30)
        self._by_client[client] += 1
        self._feeds.add(feed)
        self._empty.clear()
        OPEN.inc()
        try:
            yield
        finally:
            OPEN.dec()
            self._feeds.discard(feed)
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]
            if not self._feeds:
                self._empty.set()

    async def end(self, *, seconds: float) -> bool:
        """Ask every stream to say goodbye and wait for them; False if some did not in time."""
        self._ending = True
        for feed in tuple(self._feeds):
            feed.end()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
