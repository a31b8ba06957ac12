"""Bursts, groups, operators, jobs and doorbells, through whole workers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain.bus import Bell, Publisher, Subscriber, bell_channel
from domain.dialogs import service as dialogs
from domain.kit import jobs
from domain.kit.jobs import Job, JobContext
from domain.kit.redis import connect
from domain.kit.settings import Settings
from domain.kit.tasks import Tasks
from shards import intake, meaning
from tests.shards.outages import Assistant
from tests.shards.world import Sink, Tenant, World, answered, running_worker, shared, until


async def _asked(assistant: Assistant, times: int) -> None:
    async def so_often() -> bool:
        return len(assistant.asked) >= times

    await until(so_often, f"{times} turns to run")


async def _stored(tenant: Tenant, messages: int) -> None:
    async def there() -> bool:
        rows = await tenant.rows(
            "SELECT 1 FROM messages WHERE tenant_id = $1 AND role = 'customer' OFFSET $2", tenant.id, messages - 1
        )
        return bool(rows)

    await until(there, f"{messages} messages in the dialog")


async def test_five_messages_of_a_burst_are_one_answer(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenants = await world.add_tenant(), await world.add_tenant()
    assistant = Assistant()
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        assistant.serve(one, two)
        await shared(one, two)
        for tenant, bot in zip(tenants, (1001, 2002), strict=True):
            await tenant.add_bot(bot)
            for number in range(1, 6):
                await tenant.write(bot, number, f"part {number}")
            await _stored(tenant, 5)
        assistant.gate.set()
        await answered(tenants, [f"part {number}" for number in range(1, 6)])
        assert [len(await tenant.answers()) for tenant in tenants] == [1, 1]


async def test_in_a_group_everybody_gets_an_answer_of_their_own(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    assistant = Assistant()
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)
        for number, sender in enumerate((1, 1, 2, 1), start=1):
            await tenant.write(1001, number, f"@bot1001 q{number}", chat=-5, sender=sender)
        await tenant.write(1001, 5, "not for the bot", chat=-5, sender=3)
        await _stored(tenant, 4)
        assistant.gate.set()
        await answered([tenant], ["q1", "q2", "q3", "q4"])
        assert await tenant.answers() == ["q1\nq2", "q3", "q4"]


async def test_an_operator_who_takes_over_mid_turn_is_the_only_one_who_answers(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    assistant = Assistant(pieces=("The assistant ",))
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)
        await tenant.write(1001, 1, "help")
        await _asked(assistant, 1)
        [row] = await tenant.rows("SELECT id FROM dialogs WHERE tenant_id = $1", tenant.id)
        async with world.db.tenant_tx(tenant.id) as conn:
            await dialogs.reply_as_operator(
                conn, tenant_id=tenant.id, dialog_id=row["id"], text="A person here.", author="Ivan"
            )
        assistant.gate.set()

        async def sent() -> bool:
            return await tenant.delivery() == [("A person here.", "sent")]

        await until(sent, "the operator's reply")
        await tenant.write(1001, 2, "thank you")

        async def all_done() -> bool:
            rows = await tenant.rows("SELECT state FROM inbox WHERE tenant_id = $1", tenant.id)
            return [one["state"] for one in rows] == ["done", "done"]

        await until(all_done, "both rows to be done")
    assert assistant.asked == ["help"]
    assert sink.texts() == ["A person here."]
    assert await tenant.rows("SELECT 1 FROM usage_records WHERE tenant_id = $1", tenant.id) == []


async def test_what_cannot_be_read_is_buried_and_stops_nobody(
    world: World, shard_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await world.add_tenant()

    def explosive(row: Any, bot: Any) -> Any:
        if b"explode" in row.raw:
            raise RuntimeError("a fault of ours")
        return meaning.read(row, bot)

    monkeypatch.setattr(intake, "read", explosive)
    async with running_worker(shard_settings):
        dialog = uuid4()
        await tenant.ask_on_site(dialog, "explode")
        await tenant.ask_on_site(dialog, "a\0b")  # Postgres stores no NUL
        await tenant.ask_on_site(dialog, "fine")
        await answered([tenant], ["fine"])
        rows = await tenant.rows("SELECT state, error FROM inbox WHERE tenant_id = $1 ORDER BY id", tenant.id)
    assert [row["state"] for row in rows] == ["dead", "dead", "done"]
    assert "a fault of ours" in rows[0]["error"]


async def test_a_job_moves_with_its_slot_and_goes_on_where_it_was(world: World, shard_settings: Settings) -> None:
    tenants = await world.add_tenant(), await world.add_tenant()
    pages: list[tuple[str, int]] = []
    reached = asyncio.Event()

    def handler(worker: str, stop_at: int) -> jobs.Handler:
        async def run(job: Job, context: JobContext) -> None:
            for page in range(job.progress.get("page", 0), 4):
                if page == stop_at:
                    reached.set()
                    await asyncio.Event().wait()
                async with context.tx() as conn:
                    await context.save_progress(conn, {"page": page + 1})
                pages.append((worker, page))

        return run

    async with running_worker(shard_settings, "shard-00") as leaving:
        leaving.jobs._handlers = {"test": handler("leaving", 2)}
        for tenant in tenants:
            async with world.db.tenant_tx(tenant.id) as conn:
                await jobs.enqueue(conn, tenant_id=tenant.id, kind="test", key="1")

        async def both_wait() -> bool:
            return len(pages) == 4

        await until(both_wait, "both jobs to be half way")
        await reached.wait()
    rows = await tenants[0].rows("SELECT state, attempts, progress FROM jobs")
    assert [(row["state"], row["attempts"], row["progress"]) for row in rows] == [("ready", 0, {"page": 2})] * 2
    async with running_worker(shard_settings, "shard-01") as one, running_worker(shard_settings, "shard-02") as two:
        for worker in (one, two):
            worker.jobs._handlers = {"test": handler("next", 9)}

        async def finished() -> bool:
            return await tenants[0].rows("SELECT 1 FROM jobs") == []

        await until(finished, "both jobs to finish")
    assert sorted(pages) == sorted([("leaving", 0), ("leaving", 1), ("next", 2), ("next", 3)] * 2)


async def test_a_slot_that_comes_back_while_it_is_let_go_of_is_still_heard(redis_url: str) -> None:
    heard: list[Any] = []
    redis, listening = connect(redis_url), connect(redis_url, timeout=None)
    connected = asyncio.Event()
    subscriber = Subscriber(listening, lambda _, signal: heard.append(signal), connected.set)
    tasks = Tasks("test")
    channels = [bell_channel(slot) for slot in range(200)]
    await subscriber.add(channels)
    tasks.short("subscriber", subscriber.run())
    await connected.wait()
    letting_go = asyncio.ensure_future(subscriber.remove(channels))
    await asyncio.sleep(0)
    await subscriber.add(channels[150:])
    await letting_go

    async def rung() -> bool:
        await Publisher(redis).publish((channels[slot], Bell(slot, "inbox")) for slot in (10, 199))
        return bool(heard)

    await until(rung, "the bell of the slot that came back")
    assert {signal.slot for signal in heard} == {199}
    await tasks.stop()
    await redis.aclose()
    await listening.aclose()
