"""GroupCommit: company for every item, one error for its own item, bounded memory, a clean end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from domain.kit.batch import GroupCommit
from domain.kit.errors import Unavailable


class Flush:
    """Doubles numbers; remembers its batches; fails for -1; waits for `gate`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.away = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.entered.set()
        await self.gate.wait()
        if self.away:
            raise Unavailable("away")
        if -1 in items:
            raise ValueError("a bad item")
        return [item * 2 for item in items]


@asynccontextmanager
async def running(flush: Flush, **options: int) -> AsyncIterator[GroupCommit[int, int]]:
    """A started batch, closed at the end."""
    batch: GroupCommit[int, int] = GroupCommit("test", flush, **options)  # type: ignore[arg-type]
    batch.start()
    try:
        yield batch
    finally:
        await batch.close()


async def test_concurrent_items_share_a_flush_and_get_their_own_results() -> None:
    flush = Flush()
    async with running(flush) as batch:
        assert await asyncio.gather(*(batch.add(n) for n in range(50))) == [n * 2 for n in range(50)]
    assert len(flush.batches) == 1


async def test_only_the_bad_item_fails() -> None:
    flush = Flush()
    async with running(flush) as batch:
        results = await asyncio.gather(*(batch.add(n) for n in (1, 2, -1, 3, 4)), return_exceptions=True)
    assert [r for r in results if not isinstance(r, BaseException)] == [2, 4, 6, 8]
    assert isinstance(results[2], ValueError)


async def test_a_database_that_is_away_is_not_asked_again_for_each_item() -> None:
    flush = Flush()
    flush.away = True
    async with running(flush) as batch:
        results = await asyncio.gather(*(batch.add(n) for n in range(8)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    assert len(flush.batches) == 1


async def test_a_batch_has_at_most_so_many_items_and_bytes() -> None:
    flush = Flush()
    batch: GroupCommit[int, int] = GroupCommit("test", flush, max_items=4, max_bytes=10, size=lambda n: n)
    futures = [batch.submit(n) for n in (1, 1, 1, 1, 1, 9, 9, 50)]
    batch.start()
    await asyncio.gather(*futures)
    await batch.close()
    assert flush.batches == [[1, 1, 1, 1], [1, 9], [9], [50]]


async def test_one_more_than_the_bound_is_refused() -> None:
    flush = Flush()
    flush.gate.clear()
    async with running(flush, max_pending=3, max_items=1) as batch:
        first = batch.submit(0)
        await flush.entered.wait()
        waiting = [batch.submit(n) for n in range(3)]
        with pytest.raises(Unavailable, match="overloaded"):
            batch.submit(4)
        flush.gate.set()
        await asyncio.gather(first, *waiting)


async def test_close_lets_the_batch_in_flight_finish() -> None:
    flush = Flush()
    flush.gate.clear()
    batch: GroupCommit[int, int] = GroupCommit("test", flush)
    batch.start()
    first = batch.submit(1)
    await flush.entered.wait()
    second = batch.submit(2)
    closing = asyncio.ensure_future(batch.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="shutting down"):
        batch.submit(3)
    flush.gate.set()
    await closing
    assert (first.result(), second.result()) == (2, 4)


async def test_a_caller_who_goes_away_disturbs_nobody() -> None:
    flush = Flush()
    flush.gate.clear()
    async with running(flush) as batch:
        leaving = asyncio.ensure_future(batch.add(1))
        staying = asyncio.ensure_future(batch.add(2))
        await flush.entered.wait()
        leaving.cancel()
        flush.gate.set()
        assert await staying == 4
        assert await batch.add(3) == 6
    assert leaving.cancelled()


async def test_a_flush_that_loses_a_result_fails_its_callers_and_not_the_batch() -> None:
    answers: list[list[int]] = [[], [7]]

    async def forgetful(_: Sequence[int]) -> list[int]:
        return answers.pop(0)

    batch: GroupCommit[int, int] = GroupCommit("test", forgetful)
    batch.start()
    with pytest.raises(RuntimeError, match="0 results for 1 items"):
        await batch.add(1)
    assert await batch.add(2) == 7
    await batch.close()
