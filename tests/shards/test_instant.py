"""Answers that need no thought, committed with their question; and what must wait for a turn all the same."""

import asyncio

from domain.kit.settings import Settings
from tests.shards.outages import Assistant
from tests.shards.world import Sink, Tenant, World, running_worker, until


async def _done(tenant: Tenant, rows: int) -> None:
    async def all_done() -> bool:
        states = await tenant.rows("SELECT state FROM inbox WHERE tenant_id = $1", tenant.id)
        return [row["state"] for row in states] == ["done"] * rows

    await until(all_done, f"{rows} rows to be done")


async def test_a_burst_that_waited_is_one_answer_without_a_turn(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    for number in range(1, 8):
        await tenant.write(1001, number, f"q{number}")
    await tenant.write(1001, 8, "elsewhere", chat=78)
    async with running_worker(shard_settings):
        await _done(tenant, 8)
        assert sorted(await tenant.answers()) == ["elsewhere", "q1\nq2\nq3\nq4\nq5", "q6\nq7"]

        async def sent() -> bool:
            return [state for _, state in await tenant.delivery()] == ["sent"] * 3

        await until(sent, "the answers to be sent")
    rows = await tenant.rows("SELECT attempts, answer_id FROM inbox WHERE tenant_id = $1 ORDER BY id", tenant.id)
    assert {row["attempts"] for row in rows} == {0}
    first, second, third = (rows[n]["answer_id"] for n in (0, 5, 7))
    assert [row["answer_id"] for row in rows] == [first] * 5 + [second] * 2 + [third]
    assert None not in {first, second, third}


async def test_what_comes_while_a_turn_runs_is_behind_it(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    assistant = Assistant()
    async with running_worker(shard_settings) as worker:
        thinks = worker._turn_parts
        assistant.serve(worker)
        await tenant.write(1001, 1, "a hard one", chat=-5, sender=1)
        await tenant.write(1001, 2, "@bot1001 a hard one", chat=-5, sender=1)
        while not assistant.asked:
            await asyncio.sleep(0.01)
        worker._turn_parts = thinks  # from here on every answer is known at once
        await tenant.write(1001, 3, "@bot1001 an easy one", chat=-5, sender=2)
        await tenant.write(1001, 4, "@bot1001 another dialog", chat=-6, sender=2)

        async def other_dialog() -> bool:
            return await tenant.answers() == ["another dialog"]

        await until(other_dialog, "the other dialog's answer")
        assistant.gate.set()
        await _done(tenant, 4)
        assert sorted(await tenant.answers()) == ["a hard one", "an easy one", "another dialog"]
        seqs = await tenant.rows(
            "SELECT text FROM messages WHERE tenant_id = $1 AND role = 'assistant' AND text LIKE 'a%' ORDER BY seq",
            tenant.id,
        )
        texts = [row["text"] for row in seqs if row["text"] != "another dialog"]
        assert texts == ["a hard one", "an easy one"]
