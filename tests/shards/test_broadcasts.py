"""Broadcasts with real workers: everybody gets it once, whoever dies; a pause pauses; replies come first."""

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Any

from aiohttp import web

from domain.broadcasts import service as broadcasts
from domain.deadletters import service as deadletters
from domain.kit.settings import Settings
from domain.kit.slots import slot_of, slot_of_bot
from tests.shards.audience import Sending, add_crowd, chats, kill_owner, worker_process
from tests.shards.test_sending import Cut
from tests.shards.world import Sink, World, refusal, running_worker, shared, until

BOT = 1001
CROWD = 1000


async def _sends(sink: Sink, text: str, count: int) -> None:
    async def there() -> bool:
        return len(chats(sink, text)) >= count

    await until(there, f"{count} sends of {text!r}", seconds=40)


async def test_a_thousand_get_it_once_though_workers_are_killed(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, CROWD, rate=400)
    sending = await Sending.begin(tenant, BOT, "**Sale**")
    with ExitStack() as stack:
        for program in ("shard-00", "shard-01", "shard-02", "shard-03"):
            stack.enter_context(worker_process(shard_settings, program))
        await _sends(sink, "Sale", 200)
        await kill_owner(tenant, slot_of(tenant.id))  # who runs the job
        await _sends(sink, "Sale", 450)
        await kill_owner(tenant, slot_of_bot(BOT))  # who sends
        progress = await sending.ended()
    assert set(chats(sink, "Sale").values()) == {1}
    assert (progress.total, progress.waiting, progress.failed, progress.blocked) == (CROWD, 0, 0, 0)
    assert progress.sent + progress.uncertain == CROWD
    assert progress.sent <= len(chats(sink, "Sale"))
    reasons = {reason for state, reason in await sending.results() if state == "uncertain"}
    assert reasons <= {"Telegram did not say whether it arrived."}
    # Each customer's dialog has the message once, with its delivery.
    rows = await tenant.rows(
        "SELECT count(*) AS n, count(DISTINCT dialog_id) AS dialogs,"
        " count(*) FILTER (WHERE delivery = 'sent') AS sent FROM messages WHERE tenant_id = $1",
        tenant.id,
    )
    assert (rows[0]["n"], rows[0]["dialogs"], rows[0]["sent"]) == (CROWD, CROWD, progress.sent)


async def test_a_pause_stops_it_and_a_resume_goes_on_where_it_was(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 200, rate=30)
    async with running_worker(shard_settings):
        sending = await Sending.begin(tenant, BOT, "news")
        await _sends(sink, "news", 20)
        await sending.pause()

        async def quiet() -> bool:
            open_sends = await tenant.rows("SELECT 1 FROM outbox WHERE state IN ('ready', 'sending')")
            waiting_jobs = await tenant.rows("SELECT 1 FROM jobs")
            return not open_sends and not waiting_jobs

        await until(quiet, "the broadcast to be paused")
        at_pause = len(chats(sink, "news"))
        # Another message passes: were anything of the broadcast still going, it would be between.
        await tenant.write(BOT, 1, "are you there?", chat=999)
        await until(partial(_said, sink, "are you there?"), "the answer")
        assert len(chats(sink, "news")) == at_pause < 100
        found = await sending.now()
        assert (found.state, found.progress.sent, found.progress.waiting) == ("paused", at_pause, 200 - at_pause)
        await tenant.rows("UPDATE bots SET rate = 1000, updated_at = now()")
        await sending.resume()
        assert (await sending.ended()).sent == 200
    assert set(chats(sink, "news").values()) == {1}


async def test_what_is_cancelled_is_taken_back(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 300, rate=30)
    async with running_worker(shard_settings):
        sending = await Sending.begin(tenant, BOT, "news")
        await _sends(sink, "news", 10)
        await sending.cancel()
        progress = await sending.ended("cancelled")
        arrived = len(chats(sink, "news"))
    assert (progress.sent, progress.cancelled, progress.waiting) == (arrived, 300 - arrived, 0)
    assert len(chats(sink, "news")) == arrived
    deliveries = [delivery for _, delivery in await tenant.delivery()]
    assert deliveries.count("sent") == arrived
    assert set(deliveries) == {"sent", "failed"}
    assert len(deliveries) < 300  # only what was queued is in the dialogs
    assert await tenant.rows("SELECT 1 FROM outbox WHERE state <> 'sent'") == []


async def test_a_reply_does_not_wait_for_a_broadcast(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 400, rate=30)
    async with running_worker(shard_settings):
        sending = await Sending.begin(tenant, BOT, "news")
        await _sends(sink, "news", 10)
        for number in range(5):
            before = len(sink.sends())
            await tenant.write(BOT, number + 1, f"q{number}", chat=500 + number)
            await until(partial(_said, sink, f"q{number}"), "the reply")
            # The window in the outbox has a hundred sends and more; those in flight may pass.
            assert sink.texts().index(f"q{number}") - before < 60
        assert (await sending.now()).progress.waiting > 100
        await sending.cancel()
        await sending.ended("cancelled")


async def test_two_broadcasts_of_a_bot_share_its_rate(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 300, rate=60)
    async with running_worker(shard_settings):
        first = await Sending.begin(tenant, BOT, "first")
        await _sends(sink, "first", 20)
        second = await Sending.begin(tenant, BOT, "second")
        await _sends(sink, "second", 10)
        assert (await first.now()).state == "running"
        for sending in (first, second):
            await sending.cancel()
            await sending.ended("cancelled")


async def test_who_blocked_the_bot_is_marked_and_skipped(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 10, rate=1000)

    async def answer(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage" and payload["chat_id"] == 3:
            return refusal(403, "Forbidden: bot was blocked by the user")
        if method == "sendMessage" and payload["chat_id"] == 4:
            return refusal(400, "Bad Request: BUTTON_URL_INVALID")
        return None

    sink.answer = answer
    async with running_worker(shard_settings):
        sending = await Sending.begin(tenant, BOT, "first")
        progress = await sending.ended()
        assert (progress.sent, progress.blocked, progress.failed, progress.waiting) == (8, 1, 1, 0)
        assert {result for result in await sending.results() if result[0] != "sent"} == {
            ("blocked", "Forbidden: bot was blocked by the user"),
            ("failed", "Bad Request: BUTTON_URL_INVALID"),
        }
        progress = await (await Sending.begin(tenant, BOT, "second")).ended()
        assert (progress.total, progress.blocked) == (9, 0)
    assert 3 not in chats(sink, "second")


async def test_a_paused_bot_keeps_its_broadcast_waiting(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 20, rate=1000)
    sending = await Sending.begin(tenant, BOT, "news")
    await tenant.rows("UPDATE bots SET state = 'paused', updated_at = now()")
    async with running_worker(shard_settings):

        async def said_so() -> bool:
            return "The bot is paused" in ((await sending.now()).note or "")

        await until(said_so, "the note")
        assert (await sending.now()).progress.waiting == 20
        assert not chats(sink, "news")
        await tenant.rows("UPDATE bots SET state = 'active', updated_at = now()")
        assert (await sending.ended()).sent == 20
        assert (await sending.now()).note is None
        late = await Sending.begin(tenant, BOT, "late")
        await tenant.rows("DELETE FROM bots")
        progress = await late.ended("cancelled")
        assert (await late.now()).note == "The bot was disconnected."
    assert progress.cancelled + progress.failed + progress.sent == progress.total


async def test_a_scheduled_broadcast_begins_once_and_tenants_see_their_own(
    world: World, shard_settings: Settings, sink: Sink
) -> None:
    first, second = await world.add_tenant(), await world.add_tenant()
    await add_crowd(first, BOT, 30, rate=1000)
    await add_crowd(second, 2002, 30, rate=1000)
    async with running_worker(shard_settings, "shard-00") as one, running_worker(shard_settings, "shard-01") as two:
        await shared(one, two)
        later = await Sending.begin(first, BOT, "later", in_seconds=1.0)
        others = await Sending.begin(second, 2002, "others")
        await others.ended()
        assert (await later.ended()).sent == 30
        assert (await asyncio.gather(later.results(), others.results()))[0] == [("sent", None)] * 30
    assert set(chats(sink, "later").values()) == set(chats(sink, "others").values()) == {1}
    mixed = Sending(second, later.id)
    assert await mixed.results() == []
    begun = await first.rows("SELECT started_at >= scheduled_at AS waited FROM broadcasts WHERE id = $1", later.id)
    assert begun[0]["waited"]


async def _said(sink: Sink, text: str) -> bool:
    return text in sink.texts()


async def test_what_a_person_sends_again_counts_anew(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await add_crowd(tenant, BOT, 5, rate=1000)
    lose = {2, 3}

    async def answer(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage" and payload["chat_id"] in lose:
            return Cut()
        return None

    sink.answer = answer
    async with running_worker(shard_settings):
        sending = await Sending.begin(tenant, BOT, "news")
        progress = await sending.ended()
        assert (progress.sent, progress.uncertain) == (3, 2)
        lose.clear()
        [again, _] = await tenant.rows("SELECT id, dialog_id FROM messages WHERE delivery = 'uncertain' ORDER BY id")
        async with world.db.tenant_tx(tenant.id) as conn:
            await deadletters.resend(conn, tenant_id=tenant.id, dialog_id=again["dialog_id"], message_id=again["id"])
            found = (await broadcasts.get(conn, tenant_id=tenant.id, broadcast_id=sending.id)).progress
            assert (found.sent, found.uncertain, found.waiting) == (3, 1, 1)

        async def settled() -> bool:
            rows = await tenant.rows("SELECT sent, uncertain FROM broadcasts")
            return (rows[0]["sent"], rows[0]["uncertain"]) == (4, 1)

        await until(settled, "the second send to be counted")
        assert sorted(state for state, _ in await sending.results()) == ["sent"] * 4 + ["uncertain"]
        assert (await sending.now()).state == "done"
    assert sorted(chats(sink, "news").values()) == [1, 1, 1, 1, 2]
