"""Bots at run time: added, paused, changed, removed; polled with acks after commits; webhooks set and repaired."""

import asyncio
from typing import Any

import orjson
import pytest
from aiohttp import web

from domain.bots import rules
from domain.bots import service as bots
from domain.bus import BotChanged, Publisher, ShowTyping, bell_channel
from domain.clients.telegram import Refused
from domain.inbox import InboxWriter
from domain.kit.errors import Unavailable
from domain.kit.redis import connect
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from shards import bots as registry
from shards import polling, webhooks
from shards.polling import Poller
from tests.shards.outages import crash
from tests.shards.world import Sink, Tenant, World, answered, message, refusal, running_worker, shared, until


async def _tell(world: World, bot_id: int) -> None:
    redis = connect(world.settings.redis_dsn)
    await Publisher(redis).publish([(bell_channel(slot_of_bot(bot_id)), BotChanged(bot_id))])
    await redis.aclose()


async def _change(tenant: Tenant, bot_id: int, **changes: Any) -> None:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        await bots.update(conn, tenant_id=tenant.id, bot_id=bot_id, **changes)
    await _tell(tenant.world, bot_id)


async def _polled(sink: Sink, bot_id: int) -> None:
    seen = len(sink.polls)

    async def again() -> bool:
        return any(bot == bot_id for bot, _ in sink.polls[seen:])

    await until(again, f"bot {bot_id} to be polled")


async def _bot(tenant: Tenant, bot_id: int) -> Any:
    [row] = await tenant.rows("SELECT state, last_error FROM bots WHERE tenant_id = $1 AND id = $2", tenant.id, bot_id)
    return row["state"], row["last_error"]


async def test_a_bot_that_is_added_paused_resumed_and_removed_while_workers_run(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant, other = await world.add_tenant(), await world.add_tenant()
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        await shared(one, two)
        for owner, bot in ((tenant, 1001), (other, 2002)):
            await owner.add_bot(bot)
            await _tell(world, bot)
            sink.updates[bot] = [{"update_id": 5, "message": message(5, "by polling")}]
        await answered([tenant, other], ["by polling"])

        await _change(tenant, 1001, state="paused")
        await _settled_polls(sink, 1001)
        await tenant.write(1001, 6, "while paused")

        async def stored() -> Any:
            return await tenant.rows("SELECT 1 FROM messages WHERE tenant_id = $1 AND text = 'while paused'", tenant.id)

        await until(stored, "the message to be stored")
        await _change(tenant, 1001, state="active")
        await _polled(sink, 1001)
        await tenant.write(1001, 7, "resumed")
        await answered([tenant], ["by polling", "resumed"])

        async with world.db.tenant_tx(tenant.id) as conn:
            await bots.delete(conn, tenant_id=tenant.id, bot_id=1001)
        await _tell(world, 1001)
        await _settled_polls(sink, 1001)
        await other.write(2002, 8, "still here")
        await answered([other], ["by polling", "still here"])


async def _settled_polls(sink: Sink, bot_id: int) -> None:
    """Until the bot is polled no more, while the others are."""

    async def quiet() -> bool:
        seen = len(sink.polls)

        async def three_more() -> bool:
            return len(sink.polls) >= seen + 3

        await until(three_more, "other bots to be polled")
        return all(bot != bot_id for bot, _ in sink.polls[seen:])

    await until(quiet, f"the polling of {bot_id} to end")


async def test_a_paused_bot_sends_nothing_and_forgets_nothing(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    sink.answer = _refuse_first_send(429, "Too Many Requests: retry after 1", retry_after=1)
    async with running_worker(shard_settings) as worker:
        await tenant.write(1001, 1, "wait for me")

        async def tried() -> bool:
            return bool(sink.texts())

        await until(tried, "the first attempt")
        await _change(tenant, 1001, state="paused")

        async def dropped() -> bool:
            lane = worker.sender._lanes[1001]
            return lane.waiting == 0 and lane.in_flight == 0

        await until(dropped, "the lane to be empty")
        assert sink.texts() == ["wait for me"]
        await _change(tenant, 1001, state="active")

        async def sent() -> bool:
            return await tenant.delivery() == [("wait for me", "sent")]

        await until(sent, "the send after the pause")


def _refuse_first_send(code: int, text: str, **parameters: Any) -> Any:
    left = [refusal(code, text, **parameters)]

    async def answer(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return left.pop() if left and method == "sendMessage" else None

    return answer


async def test_updates_are_acknowledged_only_after_their_commit(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, other = await world.add_tenant(), await world.add_tenant()
    await tenant.add_bot(1001)
    await other.add_bot(2002)
    put_all, failing = InboxWriter.put_all, [True, True]

    async def flaky(self: InboxWriter, arrivals: Any) -> None:
        if failing and arrivals[0].source == "1001":
            assert all(offset == 0 for bot, offset in sink.polls if bot == 1001)
            failing.pop()
            raise Unavailable("away")
        await put_all(self, arrivals)

    monkeypatch.setattr(InboxWriter, "put_all", flaky)
    for bot in (1001, 2002):
        sink.updates[bot] = [{"update_id": 41 + n, "message": message(n, f"u{n}")} for n in range(3)]
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        await shared(one, two)
        await answered([tenant, other], ["u0", "u1", "u2"])

        async def acknowledged() -> bool:
            return (1001, 44) in sink.polls

        await until(acknowledged, "the acknowledgement")
    assert {offset for bot, offset in sink.polls if bot == 1001} == {0, 44}


async def test_the_same_update_from_two_owners_is_one_message(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    update = {"update_id": 41, "message": message(1, "once")}
    for _ in range(2):
        sink.updates[1001] = [update]
        async with running_worker(shard_settings) as worker:
            await answered([tenant], ["once"])
            await _polled(sink, 1001)
            await crash(worker)


async def test_poison_does_not_hold_up_what_is_behind_it(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    half = orjson.dumps({"ok": True, "result": [{"update_id": 1, "message": message(1, "HALF")},
                                                {"update_id": 2, "message": message(2, "whole")}]})  # fmt: skip
    given = [web.Response(body=half.replace(b"HALF", b"\\ud83d"), content_type="application/json")]

    async def answer(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return given.pop() if given and method == "getUpdates" else None

    sink.answer = answer
    async with running_worker(shard_settings):
        await tenant.telegram(1001, 90, {"no": "chat"})
        await tenant.write(1001, 91, "after poison", chat=5)
        await answered([tenant], ["after poison", "whole"])
        dead = await tenant.rows("SELECT error FROM inbox WHERE state = 'dead' ORDER BY id")
    assert len(dead) == 2
    assert any("not JSON" in row["error"] for row in dead)
    assert any("unexpected shape" in row["error"] for row in dead)


async def test_a_revoked_token_stops_its_bot_and_says_so(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant, other = await world.add_tenant(), await world.add_tenant()
    await tenant.add_bot(1001)
    await other.add_bot(2002, mode="webhook")

    async def unauthorized(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(401, "Unauthorized") if method in {"getUpdates", "getWebhookInfo"} else None

    sink.answer = unauthorized
    async with running_worker(shard_settings):
        for owner, bot in ((tenant, 1001), (other, 2002)):

            async def revoked(owner: Tenant = owner, bot: int = bot) -> bool:
                state, error = await _bot(owner, bot)
                return state == "revoked" and "token" in error

            await until(revoked, "the bot to be revoked")


async def test_polling_takes_a_webhook_away_and_waits_out_another_poller(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    webhook = [True]

    async def conflict(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        if method == "deleteWebhook":
            webhook.clear()
        if method == "getUpdates" and webhook:
            return refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        return None

    sink.answer = conflict
    sink.updates[1001] = [{"update_id": 5, "message": message(5, "through")}]
    async with running_worker(shard_settings):
        await answered([tenant], ["through"])
    assert [method for _, method, _ in sink.calls].count("deleteWebhook") == 1


async def test_backing_off_has_no_end_and_no_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Clock:
        async def sleep(self, seconds: float) -> None:
            waited.append(seconds)

    poller = Poller(None, None, Clock())  # type: ignore[arg-type]
    bot: Any = type("B", (), {"id": 1})()
    for failures in (1, 2, 3, 5000):
        await poller._recover(bot, "t", Refused(500, "x", {}), failures)
    assert waited == [1.0, 2.0, 4.0, polling.BACKOFF_MAX]


async def test_a_person_who_types_is_shown(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    redis = connect(world.settings.redis_dsn)
    async with running_worker(shard_settings):
        await _polled(sink, 1001)

        async def shown() -> bool:
            await Publisher(redis).publish([(bell_channel(slot_of_bot(1001)), ShowTyping(1001, "-100500/7"))])
            return bool(sink.calls)

        await until(shown, "the action")
    await redis.aclose()
    [(_, method, payload)] = sink.calls[:1]
    assert (method, payload) == ("sendChatAction", {"chat_id": -100500, "message_thread_id": 7, "action": "typing"})


async def test_a_fault_of_ours_does_not_silence_a_bot(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "RESTART_AFTER", 0.05)
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    given = [web.json_response({"ok": True, "result": {"not": "a list"}})]

    async def answer(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return given.pop() if given and method == "getUpdates" else None

    sink.answer = answer
    sink.updates[1001] = [{"update_id": 5, "message": message(5, "later")}]
    async with running_worker(shard_settings):
        await answered([tenant], ["later"])


async def test_a_webhook_is_set_repaired_and_its_trouble_told_and_forgotten(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(webhooks, "RETRY_EVERY", 0.05)
    tenant = await world.add_tenant()
    await tenant.add_bot(1001, mode="webhook")
    server: dict[str, Any] = {"url": "", "pending_update_count": 0}
    sets: list[dict[str, Any]] = []

    async def telegram(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "getWebhookInfo":
            return web.json_response({"ok": True, "result": server})
        if method == "setWebhook":
            sets.append(payload)
            server["url"] = payload["url"]
        return None

    async def set_times(times: int) -> None:
        async def so_often() -> bool:
            return len(sets) >= times

        await until(so_often, f"the webhook to be set {times} times")

    async def error_is(expected: str | None) -> None:
        async def so() -> bool:
            return bool((await _bot(tenant, 1001))[1] == expected)

        await until(so, f"the error to be {expected!r}")

    sink.answer = telegram
    async with running_worker(shard_settings):
        await set_times(1)
        secrets = bots.secrets_of(world.keyring, 1001)
        assert sets[0]["url"] == f"{shard_settings.base_url}/telegram/{secrets.path}"
        assert sets[0]["secret_token"] == secrets.header
        server["url"] = "https://somebody.else/"
        await set_times(2)
        server |= {"pending_update_count": 7, "last_error_message": "Connection refused"}
        await error_is(rules.unreachable("Connection refused", shard_settings.base_url))
        server["pending_update_count"] = 0
        await error_is(None)
        await asyncio.sleep(0)
    assert not sink.polls
