"""Retried dead letters through real workers: each is answered once, and a message that was sent again arrives."""

from uuid import UUID

import pytest

from domain.bus import Publisher, bell_channel
from domain.deadletters import service as deadletters
from domain.deadletters.rules import letter_id
from domain.dialogs import resending
from domain.kit.redis import connect
from domain.kit.settings import Settings
from shards import recovery
from tests.shards.world import Sink, Tenant, World, answered, refusal, running_worker, until


async def _letters(tenant: Tenant) -> list[str]:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        found = await deadletters.list_letters(conn, tenant_id=tenant.id)
    return [letter_id(letter.kind, letter.row_id) for letter in found]


async def _retry(tenant: Tenant, letter: str) -> None:
    """As the API does it: commit, then ring."""
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        retried = await deadletters.retry(conn, tenant_id=tenant.id, letter_id=letter)
    redis = connect(tenant.world.settings.redis_dsn)
    await Publisher(redis).publish([(bell_channel(retried.bell.slot), retried.bell)])
    await redis.aclose()


async def test_a_retried_arrival_is_answered_once(world: World, shard_settings: Settings, sink: Sink) -> None:
    """One row died before it became a message, another one while its message was being answered."""
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    await tenant.write(1001, 1, "before")
    async with running_worker(shard_settings):
        await answered([tenant], ["before"])
        await tenant.write(1001, 2, "unread", chat=78)
        await answered([tenant], ["before", "unread"])
    async with world.db.worker_tx() as conn:
        # As if neither had been answered: what a worker leaves that dies of its rows.
        await conn.execute("DELETE FROM messages WHERE role = 'assistant' OR text = 'unread'")
        await conn.execute(
            "UPDATE inbox SET state = 'dead', attempts = 4, error = 'the worker died 3 times while answering it'"
        )
        await conn.execute("UPDATE inbox SET message_seq = NULL, dialog_id = NULL WHERE source_id = '2'")
    letters = await _letters(tenant)
    async with running_worker(shard_settings):
        for letter in letters:
            await _retry(tenant, letter)
        await answered([tenant], ["before", "unread"])
    questions = await tenant.rows("SELECT text FROM messages WHERE role = 'customer' ORDER BY text")
    assert [row["text"] for row in questions] == ["before", "unread"]
    rows = await tenant.rows("SELECT state, attempts FROM inbox")
    assert [row["state"] for row in rows] == ["done", "done"]
    assert max(row["attempts"] for row in rows) <= 1  # they begin anew; an instant answer counts none
    assert await _letters(tenant) == []


async def test_an_answer_is_asked_for_again_by_a_bell(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the next look of the recovery."""
    monkeypatch.setattr(recovery, "LOOK_EVERY", 3600.0)
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "first")
        await answered([tenant], ["first"])
        async with world.db.worker_tx() as conn:
            await conn.execute("DELETE FROM messages WHERE role = 'assistant'")
            await conn.execute("UPDATE inbox SET state = 'dead', error = 'x'")
        [letter] = await _letters(tenant)
        await _retry(tenant, letter)
        await answered([tenant], ["first"])


async def test_a_refused_answer_is_sent_again_and_arrives(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    refusing = [refusal(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN")]

    async def answer(method: str, _: dict[str, object]) -> object:
        return refusing.pop() if refusing and method == "sendMessage" else None

    sink.answer = answer  # type: ignore[assignment]
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "hello")

        async def is_(state: str) -> bool:
            return await tenant.delivery() == [("hello", state)]

        await until(lambda: is_("failed"), "the refusal")
        [letter] = await _letters(tenant)
        await _retry(tenant, letter)
        await until(lambda: is_("sent"), "the second send")
    assert sink.texts() == ["hello", "hello"]
    assert await _letters(tenant) == []


async def test_a_held_message_is_sent_again_and_says_that_it_may_be_twice(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with world.db.tenant_tx(tenant.id) as conn:
        await conn.execute("UPDATE tenants SET uncertain_policy = 'hold' WHERE id = $1", tenant.id)
    lost = [True]

    async def answer(method: str, _: dict[str, object]) -> object:
        if method == "sendMessage" and lost:
            lost.clear()
            raise ConnectionResetError  # the sink hangs up without an answer
        return None

    sink.answer = answer  # type: ignore[assignment]
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "hello")

        async def is_(state: str) -> bool:
            return await tenant.delivery() == [("hello", state)]

        await until(lambda: is_("uncertain"), "nobody to know")
        assert sink.texts() == ["hello"]
        [row] = await tenant.rows("SELECT dialog_id, id FROM messages WHERE delivery = 'uncertain'")
        await _resend(tenant, row["dialog_id"], row["id"])
        await until(lambda: is_("sent"), "the second send")
    assert sink.texts() == ["hello", "hello"]
    details = await tenant.rows("SELECT payload->>'detail' AS detail FROM dialog_events ORDER BY seq")
    assert [row["detail"] for row in details][-1] == "It may have arrived twice."


async def _resend(tenant: Tenant, dialog_id: UUID, message_id: UUID) -> None:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        await resending.resend(conn, tenant_id=tenant.id, dialog_id=dialog_id, message_id=message_id)


async def test_letters_are_kept_for_thirty_days(world: World) -> None:
    tenant = await world.add_tenant()
    for number in (1, 2):
        await tenant.write(1001, number, "x")
    async with world.db.worker_tx() as conn:
        await conn.execute(
            "UPDATE inbox SET state = 'dead', done_at = now() - make_interval(days => 28 + 2 * source_id::int) "
        )
        assert await deadletters.forget_old(conn, limit=10) == 1
    assert len(await _letters(tenant)) == 1
