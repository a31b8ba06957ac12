"""From an arrival to an answer: on the web, in Telegram, once, in order."""

from typing import Any
from uuid import uuid4

from domain.kit.settings import Settings
from tests.shards.world import Sink, World, running_worker, until


async def test_a_visitors_message_is_answered_once(world: World, shard_settings: Settings) -> None:
    tenant = await world.add_tenant()
    dialog = uuid4()
    async with running_worker(shard_settings):
        for _ in range(3):
            await tenant.ask_on_site(dialog, "hello", client_id="the same")
        await until(tenant.answers, "the answer")
        assert await tenant.answers() == ["hello"]
        rows = await tenant.rows(
            "SELECT role, seq, client_id FROM messages WHERE tenant_id = $1 ORDER BY seq", tenant.id
        )
        assert [(row["role"], row["seq"]) for row in rows] == [("customer", 1), ("assistant", 2)]
        assert rows[0]["client_id"] == "the same"


async def test_a_telegram_message_is_answered_in_its_chat(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with running_worker(shard_settings):
        await tenant.write(1001, 5, "hi there")

        async def delivered() -> Any:
            return await tenant.rows(
                "SELECT 1 FROM messages WHERE tenant_id = $1 AND role = 'assistant' AND delivery = 'sent'", tenant.id
            )

        await until(delivered, "the delivery mark")
    assert sink.texts() == ["hi there"]
    events = await tenant.rows("SELECT seq, kind FROM dialog_events WHERE tenant_id = $1", tenant.id)
    assert [(row["seq"], row["kind"]) for row in events] == [(3, "delivery")]


async def test_chats_keep_their_order(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with running_worker(shard_settings):
        for chat in (1, 2, 3):
            for number in range(3):
                await tenant.write(1001, chat * 10 + number, f"{chat}/{number}", chat=chat)

        async def answered() -> bool:
            return len("\n".join(sink.texts()).split("\n")) == 9

        await until(answered, "nine answers")
    lines = "\n".join(sink.texts()).split("\n")
    for chat in (1, 2, 3):
        assert [line for line in lines if line.startswith(f"{chat}/")] == [f"{chat}/{n}" for n in range(3)]
