"""What Telegram may answer, or not answer, to a send; and what becomes of the message."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from domain.dialogs import service as dialogs
from domain.kit.errors import Conflict
from domain.kit.settings import Settings
from tests.shards.outages import crash, open_line
from tests.shards.world import Sink, Tenant, World, refusal, running_worker, shared, until

Script = Callable[[str, dict[str, Any]], Awaitable[web.StreamResponse | None]]


class Cut(web.Response):
    """The request was read; the connection breaks before an answer."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Break it."""
        if request.transport is not None:
            request.transport.abort()
        return await super().prepare(request)


def script(*answers: web.StreamResponse | None) -> Script:
    """These answers to the next sendMessages, then success."""
    waiting = list(answers)

    async def answer(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return waiting.pop(0) if method == "sendMessage" and waiting else None

    return answer


@pytest.fixture
async def tenant(world: World) -> Tenant:
    """A tenant with a bot."""
    found = await world.add_tenant()
    await found.add_bot(1001)
    return found


async def settled(tenant: Tenant, *states: str) -> None:
    """Wait for the deliveries of what was said, in order."""

    async def there() -> bool:
        return [state for _, state in await tenant.delivery()] == list(states)

    await until(there, f"deliveries {states}")


async def details(tenant: Tenant) -> list[tuple[str, str | None]]:
    """Every delivery that was announced."""
    rows = await tenant.rows("SELECT payload FROM dialog_events WHERE tenant_id = $1 ORDER BY seq", tenant.id)
    return [(row["payload"]["delivery"], row["payload"]["detail"]) for row in rows if "delivery" in row["payload"]]


async def test_a_429_holds_its_chat_alone_and_not_a_moment_too_short(
    world: World, shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    other = await world.add_tenant()
    await other.add_bot(2002)
    sink.answer = script(refusal(429, "Too Many Requests: retry after 1", retry_after=1))
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        await shared(one, two)
        await tenant.write(1001, 1, "held", chat=1)

        async def refused() -> bool:
            return sink.texts() == ["held"]

        await until(refused, "the refusal")
        await tenant.write(1001, 2, "free", chat=2)
        await other.write(2002, 1, "elsewhere", chat=1)
        await settled(tenant, "sent", "sent")
        await settled(other, "sent")
    order = sink.texts()
    assert order.count("held") == 2
    assert order[-1] == "held"
    assert sink.at[-1] - sink.at[0] >= 1.0
    assert await details(tenant) == [("sent", None), ("sent", None)]


async def test_who_blocked_the_bot_is_not_written_to_until_they_write(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    sink.answer = script(refusal(403, "Forbidden: bot was blocked by the user"))
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "bye")
        await settled(tenant, "failed")
        assert await details(tenant) == [("failed", "Forbidden: bot was blocked by the user")]
        [row] = await tenant.rows("SELECT id FROM dialogs WHERE tenant_id = $1", tenant.id)
        async with tenant.world.db.tenant_tx(tenant.id) as conn:
            with pytest.raises(Conflict):
                await dialogs.reply_as_operator(conn, tenant_id=tenant.id, dialog_id=row["id"], text="hi", author="I")
        await tenant.write(1001, 2, "I am back")
        await settled(tenant, "failed", "sent")
    assert sink.texts() == ["bye", "I am back"]


async def test_entities_that_telegram_does_not_take_are_left_out_once(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    no = "Bad Request: can't parse entities: unsupported entity"
    sink.answer = script(refusal(400, no), None, refusal(400, no), refusal(400, no))
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "**loud**")
        await settled(tenant, "sent")
        assert ["entities" in payload for payload in sink.sends()] == [True, False]
        await tenant.write(1001, 2, "**loud** again")
        await settled(tenant, "sent", "failed")
    assert len(sink.texts()) == 4


async def test_a_refused_connection_is_tried_again(shard_settings: Settings, sink: Sink, tenant: Tenant) -> None:
    host, _, port = sink.url.removeprefix("http://").partition(":")
    async with open_line(host, int(port)) as line:
        settings = shard_settings.model_copy(update={"telegram_api_url": f"http://127.0.0.1:{line.port}"})
        async with running_worker(settings):
            await line.cut()
            await tenant.write(1001, 1, "hello?")

            async def tried() -> Any:
                return await tenant.rows("SELECT 1 FROM outbox WHERE attempts > 0 AND state = 'ready'")

            await until(tried, "a first attempt")
            await line.mend()
            await settled(tenant, "sent")
    assert sink.texts() == ["hello?"]
    assert await details(tenant) == [("sent", None)]


async def test_a_lost_answer_is_sent_once_more_and_says_so(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    sink.answer = script(Cut())
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "hello")
        await settled(tenant, "sent")
    assert sink.texts() == ["hello", "hello"]
    assert await details(tenant) == [("sent", "It may have arrived twice.")]


async def test_a_second_lost_answer_is_uncertain_and_never_a_third_send(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    sink.answer = script(Cut(), web.Response(status=502, text="<html>Bad Gateway</html>"))
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "hello")
        await settled(tenant, "uncertain")
        await tenant.write(1001, 2, "and now?")
        await settled(tenant, "uncertain", "sent")
    assert sink.texts() == ["hello", "hello", "and now?"]


async def test_a_tenant_may_want_it_held(shard_settings: Settings, sink: Sink, tenant: Tenant) -> None:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        await conn.execute("UPDATE tenants SET uncertain_policy = 'hold' WHERE id = $1", tenant.id)
    sink.answer = script(Cut())
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "hello")
        await settled(tenant, "uncertain")
    assert sink.texts() == ["hello"]


async def test_the_parts_of_a_long_answer_keep_their_order(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    sink.answer = script(None, refusal(500, "Internal Server Error: restart"))
    text = " ".join(f"{n:04d}" for n in range(2000))
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, text)
        await settled(tenant, "sent")
    first, refused, *rest = sink.texts()
    assert rest[0] == refused
    assert "".join("".join([first, *rest]).split()) == text.replace(" ", "")


async def test_behind_a_part_that_failed_nothing_is_sent(shard_settings: Settings, sink: Sink, tenant: Tenant) -> None:
    sink.answer = script(None, refusal(400, "Bad Request: something new"))
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "word " * 2500)
        await settled(tenant, "failed")
        await tenant.write(1001, 2, "next")
        await settled(tenant, "failed", "sent")
    assert len(sink.texts()) == 3
    states = await tenant.rows("SELECT state FROM outbox WHERE tenant_id = $1 ORDER BY id", tenant.id)
    assert [row["state"] for row in states][:3] == ["sent", "failed", "failed"]


async def test_a_group_that_became_a_supergroup_is_followed(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    sink.answer = script(
        refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1005)
    )
    async with running_worker(shard_settings):
        await tenant.write(1001, 1, "/help", chat=-5)
        await settled(tenant, "sent")
    assert [payload["chat_id"] for payload in sink.sends()] == [-5, -1005]


async def test_what_a_dead_worker_was_sending_is_sent_once_more_before_what_waits_behind_it(
    world: World, shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    other = await world.add_tenant()
    await other.add_bot(2002)
    reached, over = asyncio.Event(), asyncio.Event()

    async def swallow(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage" and payload["text"] == "first" and not reached.is_set():
            reached.set()
            await over.wait()
        return None

    sink.answer = swallow
    async with running_worker(shard_settings, "shard-00") as dying:
        await tenant.write(1001, 1, "first")
        await reached.wait()
        await tenant.write(1001, 2, "second")
        await other.write(2002, 1, "elsewhere")

        async def waits() -> bool:
            return len(await tenant.answers()) == 2

        await until(waits, "the second answer")
        await crash(dying)
    async with running_worker(shard_settings, "shard-01") as one, running_worker(shard_settings, "shard-02") as two:
        await shared(one, two)
        await settled(tenant, "sent", "sent")
        await settled(other, "sent")
    over.set()
    assert [text for text in sink.texts() if text != "elsewhere"] == ["first", "first", "second"]
    assert await details(tenant) == [("sent", "It may have arrived twice."), ("sent", None)]


async def test_a_worker_that_leaves_waits_for_the_answer_to_its_send(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    reached, answer_now = asyncio.Event(), asyncio.Event()

    async def slow(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage":
            reached.set()
            await answer_now.wait()
        return None

    sink.answer = slow
    async with running_worker(shard_settings, "shard-00"):
        await tenant.write(1001, 1, "hello")
        await reached.wait()
        asyncio.get_running_loop().call_later(0.3, answer_now.set)
    assert await tenant.delivery() == [("hello", "sent")]
    assert await details(tenant) == [("sent", None)]


async def test_our_own_send_is_not_an_orphan_when_slots_are_told_of_again(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    reached, answer_now = asyncio.Event(), asyncio.Event()

    async def slow(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage":
            reached.set()
            await answer_now.wait()
        return None

    sink.answer = slow
    async with running_worker(shard_settings) as worker:
        await tenant.write(1001, 1, "hello")
        await reached.wait()
        worker.sender._open.clear()
        await worker.sender.gained(frozenset(worker.ownership.held))
        answer_now.set()
        await settled(tenant, "sent")
    assert sink.texts() == ["hello"]
