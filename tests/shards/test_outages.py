"""Postgres or Redis away in the middle of everything: later, but each answered, and once."""

import asyncio
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import redis

from domain.kit.settings import Settings
from tests.services import Services
from tests.shards.outages import Assistant, open_line, through
from tests.shards.world import Sink, Tenant, World, answered, running_worker, shared, until


async def _tenants(world: World) -> tuple[Tenant, Tenant]:
    first, second = await world.add_tenant(), await world.add_tenant()
    await first.add_bot(1001)
    await second.add_bot(2002)
    return first, second


async def _ask_twenty(tenants: tuple[Tenant, Tenant]) -> list[str]:
    """Five questions on the site and five in Telegram, for each of two tenants."""
    for tenant, bot in zip(tenants, (1001, 2002), strict=True):
        for number in range(5):
            await tenant.ask_on_site(uuid4(), f"site {number}")
            await tenant.write(bot, number + 1, f"chat {number}", chat=number + 1)
    return [f"{where} {number}" for where in ("site", "chat") for number in range(5)]


async def _all_delivered(tenants: tuple[Tenant, ...]) -> None:
    for tenant in tenants:

        async def done(tenant: Tenant = tenant) -> bool:
            return {state for _, state in await tenant.delivery()} == {"none", "sent"}

        await until(done, "every answer to be delivered")


async def test_flushall_while_twenty_conversations_run(
    world: World, shard_settings: Settings, services: Services
) -> None:
    tenants, assistant = await _tenants(world), Assistant(pieces=("so", " far"))
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        assistant.serve(one, two)
        await shared(one, two)
        questions = await _ask_twenty(tenants)

        async def all_running() -> bool:
            return len(assistant.asked) == 20

        await until(all_running, "twenty turns to run")
        services.flush()
        assistant.gate.set()
        await answered(tenants, questions)
        await _all_delivered(tenants)


async def test_redis_away_for_a_while(world: World, shard_settings: Settings, services: Services) -> None:
    tenants = await _tenants(world)
    port = urlsplit(services.valkey.url()).port
    assert port is not None
    async with open_line("127.0.0.1", port) as line:
        settings = shard_settings.model_copy(update={"redis_url": through(shard_settings.redis_dsn, line.port)})
        async with running_worker(settings, "shard-00") as one, running_worker(settings, "shard-01") as two:
            await shared(one, two)
            await line.cut()
            questions = await _ask_twenty(tenants)
            await answered(tenants, questions)  # without any doorbell
            await line.mend()

            async def hears_again() -> Any:
                with redis.Redis.from_url(services.valkey.url()) as client:
                    name = f"{{s:{min(one.ownership.held):04d}}}:bell"
                    return client.execute_command("PUBSUB", "SHARDNUMSUB", name)[1]

            await until(hears_again, "the subscriptions to come back")
            await _all_delivered(tenants)


async def test_every_connection_to_postgres_killed_in_the_middle(
    world: World, shard_settings: Settings, services: Services, sink: Sink
) -> None:
    tenants, assistant = await _tenants(world), Assistant()
    name = urlsplit(shard_settings.owner_dsn).path.lstrip("/")
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        assistant.serve(one, two)
        await shared(one, two)
        asking = asyncio.ensure_future(_ask_twenty(tenants))
        with psycopg.connect(services.postgres.superuser_dsn(), autocommit=True) as killer:
            for _ in range(25):
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = %s AND application_name LIKE 'shard-%%'",
                    (name,),
                )
                assistant.gate.set()
                await asyncio.sleep(0.03)
        questions = await asking
        await answered(tenants, questions)
        await _all_delivered(tenants)
    texts = sorted(sink.texts())
    assert texts == sorted(f"chat {number}" for number in range(5) for _ in tenants)


async def test_postgres_away_for_two_seconds(
    world: World, shard_settings: Settings, services: Services, sink: Sink
) -> None:
    tenants, assistant = await _tenants(world), Assistant()
    port = urlsplit(services.postgres.dsn("x")).port
    assert port is not None
    async with open_line("127.0.0.1", port) as line:
        dsn = through(shard_settings.worker_dsn, line.port)
        app = through(shard_settings.app_dsn, line.port)
        settings = shard_settings.model_copy(update={"database_worker_url": dsn, "database_app_url": app})
        async with running_worker(settings, "shard-00") as one, running_worker(settings, "shard-01") as two:
            assistant.serve(one, two)
            await shared(one, two)
            questions = await _ask_twenty(tenants)

            async def some_running() -> bool:
                return len(assistant.asked) > 5

            await until(some_running, "turns to run")
            await line.cut()
            assistant.gate.set()
            await asyncio.sleep(2)  # the outage itself
            await line.mend()
            await answered(tenants, questions)
            await _all_delivered(tenants)
            assert (len(one.ownership.held) > 0, len(two.ownership.held) > 0) == (True, True)
    assert sorted(sink.texts()) == sorted(f"chat {number}" for number in range(5) for _ in tenants)


@pytest.mark.parametrize("how", ["lost", "refused"])
async def test_bells_that_never_ring_cost_a_second_and_nothing_else(
    world: World, shard_settings: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    tenant = await world.add_tenant()
    async with running_worker(shard_settings) as worker:
        if how == "lost":
            monkeypatch.setattr(worker.intake, "ring", lambda slot: None)
        else:  # others ring all the time: that must not keep the look at all slots from happening
            busy = asyncio.ensure_future(_ring(worker.intake.ring))
        await tenant.ask_on_site(uuid4(), "unheard")
        await answered([tenant], ["unheard"])
        if how == "refused":
            busy.cancel()


async def _ring(ring: Any) -> None:
    while True:
        ring(1023)
        await asyncio.sleep(0.001)
