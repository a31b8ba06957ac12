"""The lease: renewed whatever else is busy, lost before anybody else may act, and by the right clock."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import pytest

from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.line import Line
from domain.kit.settings import Settings
from domain.kit.slots import SLOTS
from shards import lease, ownership
from shards.lease import Lease, LeaseLost
from tests.shards.outages import open_line, through
from tests.shards.world import World, running_worker, until


@asynccontextmanager
async def joined(dsn: str, program: str = "shard-00") -> AsyncIterator[Lease]:
    """A member."""
    found = Lease(Line(dsn, name="test lease"), SystemClock(), program=program)
    await found.join()
    try:
        yield found
    finally:
        found.close()


async def _is_member(db: Database, member: str) -> bool:
    async with db.worker_tx() as conn:
        return bool(await conn.fetchval("SELECT count(*) FROM shard_members WHERE id = $1", member))


async def test_a_half_open_connection_is_replaced_in_time(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "ANSWER_WITHIN", 0.3)
    server = urlsplit(settings.worker_dsn)
    async with (
        open_line(server.hostname or "", server.port or 5432) as line,
        joined(through(settings.worker_dsn, line.port)) as member,
    ):
        line.hang()
        renewing = asyncio.ensure_future(member.renew())
        await asyncio.wait([renewing], timeout=0.8)
        assert not renewing.done()
        deadline = member.deadline
        line.flow()  # a new connection gets through, and the lease was never lost
        await renewing
        assert member.deadline > deadline
        assert await _is_member(db, member.member_id)


async def test_who_cannot_reach_postgres_goes_silent_before_the_lease_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(lease, "TTL", 3.0)
    server = urlsplit(settings.worker_dsn)
    async with (
        open_line(server.hostname or "", server.port or 5432) as line,
        joined(through(settings.worker_dsn, line.port)) as member,
    ):
        line.hang()
        with pytest.raises(LeaseLost, match="in time"):
            await member.renew()
        assert not member.valid


async def test_the_dead_are_found_although_the_clock_of_postgres_went_back(
    world: World, shard_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "TTL", 3.0)
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.5)
    async with running_worker(shard_settings, "shard-01") as living:
        async with world.db.worker_tx() as conn:
            await conn.execute(
                "INSERT INTO shard_members (id, program, host, pid, expires_at) "
                "VALUES ('dead', 'shard-00', 'elsewhere', 1, clock_timestamp() + '1 hour')"
            )
            await conn.execute("UPDATE slot_owners SET member_id = 'dead' WHERE slot < 100")

        async def has_all() -> bool:
            return len(living.ownership.held) == SLOTS

        await until(has_all, "the slots of the dead to be taken")
        assert living.lease.valid  # who renews is left alone


async def test_two_of_one_name_share_nothing(world: World, shard_settings: Settings) -> None:
    del world
    async with running_worker(shard_settings) as one, running_worker(shard_settings) as two:

        async def all_owned() -> bool:
            return len(one.ownership.held) + len(two.ownership.held) == SLOTS

        await until(all_owned, "all slots to be owned")
        assert not one.ownership.held.keys() & two.ownership.held.keys()


@contextmanager
def process(settings: Settings, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """A shard as supervisord starts it."""
    given = {
        "DATABASE_APP_URL": settings.app_dsn,
        "DATABASE_WORKER_URL": settings.worker_dsn,
        "REDIS_URL": settings.redis_dsn,
        "REPLYX_DATA_DIR": str(settings.replyx_data_dir),
        "TELEGRAM_API_URL": settings.telegram_api_url,
        "REPLYX_INSTANCE": "shard-00",
    }
    found = subprocess.Popen(
        [sys.executable, "-m", "shards"],
        env={**os.environ, **given, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield found
    finally:
        found.kill()
        found.communicate()


async def test_a_zombie_ends_as_soon_as_it_wakes(world: World, shard_settings: Settings) -> None:
    async def rows(sql: str) -> list[int]:
        async with world.db.worker_tx() as conn:
            return [row[0] for row in await conn.fetch(sql)]

    with process(shard_settings) as shard:

        async def owns_all() -> bool:
            return await rows("SELECT count(*) FROM slot_owners WHERE member_id IS NOT NULL") == [SLOTS]

        await until(owns_all, "the process to own all slots", seconds=40)
        os.kill(shard.pid, signal.SIGSTOP)
        await rows("DELETE FROM shard_members RETURNING 1")  # its lease ran out, and it was buried
        os.kill(shard.pid, signal.SIGCONT)
        said, _ = await asyncio.to_thread(shard.communicate, timeout=60)
        assert shard.returncode == 1
        assert "worker.lease_lost" in said
        assert await rows("SELECT count(*) FROM shard_members") == [0]
