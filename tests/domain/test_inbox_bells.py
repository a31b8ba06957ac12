"""The writer of the inbox and its bells: who waits for a commit does not wait for Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from domain.bus import Publisher, Signal
from domain.inbox import Arrival, InboxWriter
from domain.kit.ids import uuid7


class _Conn:
    """Everything is new."""

    async def fetch(self, _: str, *columns: Sequence[Any]) -> list[dict[str, Any]]:
        keys = zip(*columns[2:5], strict=True)
        return [dict(zip(("channel", "source", "source_id"), key, strict=True)) for key in keys]


class _Redis:
    """Holds every message back until it may go."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()
        self.rung: list[list[int]] = []

    async def publish(self, signals: Iterable[tuple[str, Signal]]) -> None:
        self.rung.append([cast("Any", signal).slot for _, signal in signals])
        await self.may_go.wait()


@asynccontextmanager
async def _transaction() -> AsyncIterator[Any]:
    yield _Conn()


def _arrival(slot: int) -> Arrival:
    return Arrival(uuid7(), slot, "telegram", "1001", str(slot), b"{}")


async def test_a_commit_is_told_while_redis_hangs_and_later_bells_ring_together() -> None:
    redis = _Redis()
    writer = InboxWriter(_transaction, cast("Publisher", redis))
    writer.start()
    async with asyncio.timeout(5):
        assert await writer.put(_arrival(1))
        while not redis.rung:
            await asyncio.sleep(0)
        assert await writer.put(_arrival(3))
        assert await writer.put(_arrival(2))
        assert redis.rung == [[1]]
        redis.may_go.set()
        await writer.close()
    assert redis.rung[:2] == [[1], [2, 3]]


async def test_what_was_committed_last_is_rung_before_the_writer_ends() -> None:
    redis = _Redis()
    redis.may_go.set()
    writer = InboxWriter(_transaction, cast("Publisher", redis))
    writer.start()
    last = asyncio.ensure_future(writer.put(_arrival(7)))
    await asyncio.sleep(0)
    await writer.close()
    assert await last
    assert [7] in redis.rung
