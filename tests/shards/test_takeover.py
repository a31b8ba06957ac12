"""Several workers: slots move, owners die, zombies wake; every message is answered, and none twice."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.inbox import service as inbox
from domain.kit.errors import LostOwnership
from domain.kit.settings import Settings
from domain.kit.slots import SLOTS, slot_of
from shards import queries, recovery
from shards.commits import TurnResult
from shards.conversations import Pending
from shards.lease import LeaseLost
from tests.shards.outages import Assistant, crash
from tests.shards.world import Tenant, World, answered, running_worker, shared, until


async def _states(tenant: Tenant) -> dict[str, int]:
    rows = await tenant.rows("SELECT state, count(*) AS n FROM inbox WHERE tenant_id = $1 GROUP BY 1", tenant.id)
    return {row["state"]: row["n"] for row in rows}


async def _two(world: World) -> tuple[Tenant, Tenant]:
    first, second = await world.add_tenant(), await world.add_tenant()
    await first.add_bot(1001)
    await second.add_bot(2002)
    return first, second


async def test_the_living_answer_what_the_dead_were_answering(world: World, shard_settings: Settings) -> None:
    tenants = await _two(world)
    assistant = Assistant()
    questions = [f"q{n}" for n in range(8)]
    async with running_worker(shard_settings, "shard-00") as dying, running_worker(shard_settings, "shard-01") as other:
        assistant.serve(dying, other)
        await shared(dying, other)
        for tenant in tenants:
            for question in questions:
                await tenant.ask_on_site(uuid4(), question)

        async def all_running() -> bool:
            return len(assistant.asked) == 16

        await until(all_running, "every turn to run")
        await crash(dying)
        assistant.gate.set()
        await answered(tenants, questions)
        assert len(other.ownership.held) == SLOTS
        for tenant in tenants:
            assert await _states(tenant) == {"done": 8}


async def test_a_zombie_commits_and_sends_nothing(world: World, shard_settings: Settings) -> None:
    tenants = await _two(world)
    asleep, awake = Assistant(), Assistant()
    awake.gate.set()
    async with running_worker(shard_settings, "shard-00") as zombie:
        asleep.serve(zombie)
        for tenant in tenants:
            await tenant.ask_on_site(uuid4(), "once")

        async def both_asked() -> bool:
            return len(asleep.asked) == 2

        await until(both_asked, "both turns to run")
        zombie.lease.draining = True  # it sleeps: it renews nothing and looks at nothing
        await tenants[0].rows("UPDATE shard_members SET expires_at = clock_timestamp()")
        async with running_worker(shard_settings, "shard-01") as heir:
            awake.serve(heir)
            await answered(tenants, ["once"])
            asleep.gate.set()  # the zombie's turns end now, and it believes to own their slots

            async def zombies_ended() -> bool:
                return len(zombie.conversations) == 0

            await until(zombies_ended, "the zombie's turns to end")
            await answered(tenants, ["once"])
            slot = next(iter(heir.ownership.held))
            late = TurnResult(
                tenants[0].id, uuid4(), slot, heir.ownership.held[slot] - 1, uuid4(), (1,), "", uuid4(), None
            )
            with pytest.raises(LostOwnership):
                await zombie._commits.finish(late)
            with pytest.raises(LeaseLost):
                await zombie.lease.renew()


async def test_messages_flow_while_a_third_worker_comes_and_goes(world: World, shard_settings: Settings) -> None:
    tenants = await _two(world)
    dialogs = [(tenant, uuid4()) for tenant in tenants for _ in range(6)]
    written: dict[UUID, list[str]] = {tenant.id: [] for tenant in tenants}
    over = asyncio.Event()

    async def write() -> None:
        number = 0
        while not over.is_set():
            for index, (tenant, dialog) in enumerate(dialogs):
                text = f"{index:02d}/{number:03d}"
                written[tenant.id].append(text)
                if index % 2:
                    await tenant.ask_on_site(dialog, text)
                else:
                    bot = 1001 if tenant is tenants[0] else 2002
                    await tenant.write(bot, index * 1000 + number, text, chat=index + 1)
            number += 1
            await asyncio.sleep(0.1)

    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        await shared(one, two)
        writing = asyncio.ensure_future(write())
        async with running_worker(shard_settings, "shard-02") as three:
            await shared(one, two, three)
        await shared(one, two)
        over.set()
        await writing
        for tenant in tenants:
            await answered((tenant,), written[tenant.id])
            for answer in await tenant.answers():
                assert answer.split("\n") == sorted(answer.split("\n"))


async def test_a_planned_end_gives_a_running_turn_to_the_next_owner(world: World, shard_settings: Settings) -> None:
    tenants = await _two(world)
    slow, quick = Assistant(), Assistant()
    quick.gate.set()
    async with running_worker(shard_settings, "shard-01") as staying:
        quick.serve(staying)
        async with running_worker(shard_settings, "shard-00") as leaving:
            slow.serve(leaving)
            await shared(leaving, staying)
            for tenant in tenants:
                dialog = next(d for d in (uuid4() for _ in range(1000)) if slot_of(d) in leaving.ownership.held)
                await tenant.ask_on_site(dialog, "still there?")

            async def both_asked() -> bool:
                return len(slow.asked) == 2

            await until(both_asked, "both turns to run")
        await answered(tenants, ["still there?"])
        rows = await staying._clients.db._worker.fetch("SELECT state, attempts FROM inbox")  # type: ignore[union-attr]
        assert [(row["state"], row["attempts"]) for row in rows] == [("done", 1), ("done", 1)]  # no attempt was lost


async def test_a_row_that_kills_its_process_is_dead_after_three_and_takes_nobody_along(
    world: World, shard_settings: Settings
) -> None:
    tenants = await _two(world)
    assistant = Assistant(stuck={"poison"})
    for tenant in tenants:
        await tenant.ask_on_site(uuid4(), "poison")
    for _ in range(3):
        asked = len(assistant.asked)
        async with running_worker(shard_settings, "shard-00") as victim:
            assistant.serve(victim)

            async def running(before: int = asked) -> bool:
                return len(assistant.asked) > before

            await until(running, "the row to run")
            await crash(victim)
    assistant.gate.set()
    async with running_worker(shard_settings, "shard-00") as last:
        assistant.serve(last)
        for tenant in tenants:
            await tenant.ask_on_site(uuid4(), "a neighbour")
        await answered(tenants, ["a neighbour"])

        async def first_is_dead() -> Any:
            return await tenants[0].rows("SELECT error FROM inbox WHERE state = 'dead'")

        dead = await until(first_is_dead, "a dead letter")
        assert "died 3 times" in dead[0]["error"]


async def test_slots_whose_release_was_not_confirmed_are_released_again(
    world: World, shard_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_worker(shard_settings, "shard-00") as one:
        with monkeypatch.context() as patch:
            broken = "SELECT $1::text, $2::smallint[], $3::bigint[], pg_terminate_backend(pg_backend_pid())"
            patch.setattr(queries, "RELEASE", broken)
            await one.ownership.hand_over(frozenset(range(100)))
        async with running_worker(shard_settings, "shard-01") as two:
            await shared(one, two)


async def test_a_lease_renewed_after_its_local_end_ends_the_worker(world: World, shard_settings: Settings) -> None:
    del world
    async with running_worker(shard_settings, "shard-00") as worker:
        worker.lease.deadline = worker._clients.clock.monotonic() - 0.1
        with pytest.raises(LostOwnership, match="lease is over"):
            worker.ownership.epoch(5)
        with pytest.raises(LeaseLost, match="not be renewed in time"):
            await worker.lease.renew()
        assert not worker.ownership.owns(5)


async def test_a_row_that_is_in_nobodys_queue_is_found(
    world: World, shard_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY", 0.2)
    tenants = await _two(world)
    async with running_worker(shard_settings) as worker:
        push = worker.conversations.push
        dropped: list[Pending] = []

        def lose(dialog: Any, item: Pending) -> None:
            if item.row_id in {one.row_id for one in dropped}:
                push(dialog, item)
            else:
                dropped.append(item)

        monkeypatch.setattr(worker.conversations, "push", lose)
        for tenant in tenants:
            await tenant.ask_on_site(uuid4(), "lost?")
        await answered(tenants, ["lost?"])
        async with world.db.worker_tx() as conn:
            assert await inbox.fetch_owed(conn, slots=range(SLOTS)) == []
