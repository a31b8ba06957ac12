"""Group commit: rows that arrive within a couple of milliseconds share one statement.

Measured (RELIABILITY 6): one row per statement 7-10k/s, batches of 50-200 rows 100-200k/s; durability costs next to
nothing once it is shared. One flush runs at a time, so while the database works the next batch grows by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from domain.kit.errors import Unavailable
from domain.kit.tasks import Tasks

T = TypeVar("T")
R = TypeVar("R")

Flush = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


class GroupCommit(Generic[T, R]):
    """Collects items of concurrent callers and hands them to `flush` together.

    flush       takes n items, returns n results in the same order, all or nothing (one transaction).
    max_items   rows in one statement.            max_bytes    bytes in one statement, as `size` counts them.
    linger      seconds the first item of a quiet period waits for company.
    max_pending items that may wait; one more is refused with Unavailable, so memory stays bounded.

    A batch that fails is split in halves until only the bad item fails, and only its caller gets the error.
    Unavailable (the database is away) is not split: every caller gets it at once.
    """

    def __init__(
        self,
        name: str,
        flush: Flush[T, R],
        *,
        max_items: int = 200,
        max_bytes: int = 4 << 20,
        linger: float = 0.002,
        max_pending: int = 10_000,
        size: Callable[[T], int] = lambda _: 0,
    ) -> None:
        self._name = name
        self._flush = flush
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._linger = linger
        self._max_pending = max_pending
        self._size = size
        self._pending: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._closed = False
        self._tasks = Tasks(name)

    def start(self) -> None:
        """Begin flushing; needs the running loop."""
        self._tasks.eternal("flush", self._run())

    async def close(self) -> None:
        """Flush what is waiting, the batch in flight included, then stop; whoever adds now is refused."""
        self._closed = True
        async with self._flushing:
            while self._pending:
                await self._flush_once()
        await self._tasks.stop()

    def __len__(self) -> int:
        return len(self._pending)

    async def add(self, item: T) -> R:
        """Wait until the item is committed and return its result. Raises what `flush` raised for it."""
        return await self.submit(item)

    def submit(self, item: T) -> asyncio.Future[R]:
        """The same without waiting: the future of the result. Raises Unavailable when too much waits already."""
        if self._closed:
            raise Unavailable(f"{self._name} is shutting down; try again in a moment.", retry_after=1)
        if len(self._pending) >= self._max_pending:
            raise Unavailable(f"{self._name} is overloaded; try again in a moment.", retry_after=1)
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.append((item, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if len(self._pending) < self._max_items and self._linger:
                await asyncio.sleep(self._linger)
            async with self._flushing:
                while self._pending:
                    await self._flush_once()
            self._wake.clear()

    async def _flush_once(self) -> None:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        size = 0
        while self._pending and len(batch) < self._max_items:
            size += self._size(self._pending[0][0])
            if batch and size > self._max_bytes:
                break
            batch.append(self._pending.popleft())
        try:
            await self._commit(batch)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise

    async def _commit(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{self._name}: {len(results)} results for {len(batch)} items")
        except Exception as error:  # noqa: BLE001 the boundary: the error goes to the callers it belongs to
            if len(batch) == 1 or isinstance(error, Unavailable):
                for _, future in batch:
                    _reject(future, error)
                return
            middle = len(batch) // 2
            await self._commit(batch[:middle])
            await self._commit(batch[middle:])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def _reject(future: asyncio.Future[R], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


async def all_of(futures: Sequence[asyncio.Future[R]]) -> list[R]:
    """The results of several submissions, once all are settled. Raises the first error there is."""
    if futures:
        await asyncio.wait(futures)
    for error in [future.exception() for future in futures]:
        if error is not None:
            raise error
    return [future.result() for future in futures]
