"""A commit whose confirmation is lost has happened, and nobody here knows: what it left still comes first."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.kit.db import Conn, Database
from domain.kit.errors import Unavailable
from domain.kit.settings import Settings
from tests.shards.world import Sink, World, running_worker, until


class Forgetful:
    """A database that commits, and does not live to say so: the next transaction of `worker_tx` only."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.armed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    @asynccontextmanager
    async def worker_tx(self) -> AsyncIterator[Conn]:
        """As ever, but for its end."""
        async with self._db.worker_tx() as conn:
            yield conn
        if self.armed:
            self.armed = False
            raise Unavailable("The database went away; try again in a moment.")


async def test_newer_sends_wait_for_those_of_a_commit_that_nobody_knows_of(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with running_worker(shard_settings) as worker:
        await tenant.write(1001, 1, "zero")
        await until(lambda: _sent(sink, 1), "a first answer")

        forgetful = Forgetful(worker.intake._db)
        monkeypatch.setattr(worker.intake, "_db", forgetful)
        gate, read = asyncio.Event(), worker.sender._read

        async def slowly(slots: list[int], *, bulk: bool) -> None:
            await gate.wait()
            await read(slots, bulk=bulk)

        monkeypatch.setattr(worker.sender, "_read", slowly)
        forgetful.armed = True
        await tenant.write(1001, 2, "one")
        await until(lambda: _forgot(forgetful), "the commit that is not confirmed")
        await tenant.write(1001, 3, "two")
        await until(lambda: _done(tenant.rows("SELECT id FROM inbox WHERE state = 'done'"), 3), "both to be answered")
        gate.set()
        await until(lambda: _sent(sink, 3), "all to be sent")
    assert sink.texts() == ["zero", "one", "two"]


async def _sent(sink: Sink, count: int) -> bool:
    return len(sink.texts()) >= count


async def _forgot(forgetful: Forgetful) -> bool:
    return not forgetful.armed


async def _done(rows: Any, count: int) -> bool:
    found: Sequence[Any] = await rows
    return len(found) >= count
