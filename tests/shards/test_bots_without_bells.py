"""Bots whose change nobody rang for, that moved to another tenant, or whose token cannot be opened."""

from domain.bots import service as bots
from domain.bots.rules import OTHER_KEY
from domain.kit.sealing import KeyRing
from domain.kit.settings import Settings
from tests.shards.world import Sink, Tenant, World, running_worker, until


async def test_a_change_is_noticed_without_a_doorbell(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    async with running_worker(shard_settings), running_worker(shard_settings, "shard-01"):
        await tenant.add_bot(1001)  # nobody rings
        await tenant.write(1001, 1, "one")
        await until(tenant.answers, "the first answer")
        async with world.db.tenant_tx(tenant.id) as conn:
            await bots.update(conn, tenant_id=tenant.id, bot_id=1001, state="paused")

        async def is_silent() -> bool:
            before = len(await tenant.answers())
            number = 100 + before + await _customers(tenant)
            await tenant.write(1001, number, "anyone?")
            await until(lambda: _has(tenant, number), "the message in its dialog")
            waiting = await tenant.rows(
                "SELECT 1 FROM inbox WHERE tenant_id = $1 AND source_id = $2 AND state = 'done' AND answer_id IS NULL",
                tenant.id,
                str(number),
            )
            return bool(waiting)

        await until(is_silent, "the pause")


async def test_what_waits_for_a_removed_bot_is_never_sent_by_its_next_tenant(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    first, second = await world.add_tenant(), await world.add_tenant()
    await first.add_bot(1001)
    async with running_worker(shard_settings):
        await first.write(1001, 1, "hello")
        await until(first.answers, "the answer")
    async with world.db.tenant_tx(first.id) as conn:
        await conn.execute(
            "UPDATE bots SET state = 'paused', updated_at = now() WHERE tenant_id = $1 AND id = 1001", first.id
        )
    async with world.db.worker_tx() as conn:  # a reply that waited while the bot was paused
        await conn.execute(
            "UPDATE outbox SET state = 'ready', payload = jsonb_set(payload, '{text}', '\"a secret\"')"
            " WHERE tenant_id = $1",
            first.id,
        )
    async with world.db.tenant_tx(first.id) as conn:
        await bots.delete(conn, tenant_id=first.id, bot_id=1001)
    await second.add_bot(1001)
    await first.write(1001, 2, "a late update of the first tenant")
    async with running_worker(shard_settings), running_worker(shard_settings, "shard-01"):

        async def settled() -> bool:
            rows = await first.rows("SELECT state, error FROM outbox WHERE tenant_id = $1", first.id)
            late = await first.rows("SELECT state FROM inbox WHERE tenant_id = $1 AND source_id = '2'", first.id)
            return {row["state"] for row in rows} == {"failed"} and late[0]["state"] == "done"

        await until(settled, "the verdicts")
    assert "a secret" not in sink.texts()
    assert not await second.rows("SELECT 1 FROM messages WHERE tenant_id = $1", second.id)


async def test_with_another_key_messages_are_kept_and_the_tenant_is_told(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    world.keyring = KeyRing(bytes(32))
    await tenant.add_bot(1001)
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "can you hear me?")
        await until(lambda: _has(tenant, 1), "the message in its dialog")

        async def noted() -> bool:
            [row] = await tenant.rows("SELECT last_error FROM bots WHERE tenant_id = $1", tenant.id)
            return bool(row["last_error"] == OTHER_KEY)

        await until(noted, "the note for the tenant")
    assert sink.texts() == []


async def _has(tenant: Tenant, message_id: int) -> bool:
    return bool(
        await tenant.rows(
            "SELECT 1 FROM messages WHERE tenant_id = $1 AND role = 'customer' AND client_id = $2",
            tenant.id,
            str(message_id),
        )
    )


async def _customers(tenant: Tenant) -> int:
    return len(await tenant.rows("SELECT 1 FROM messages WHERE tenant_id = $1 AND role = 'customer'", tenant.id))
