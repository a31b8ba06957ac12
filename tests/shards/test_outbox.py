"""The outbox as it is drained: bounded memory, replies ahead of broadcasts, each refusal with its repair."""

import re
from typing import Any

import pytest
from aiohttp import web

from domain.bots import service as bots
from domain.kit.ids import uuid7
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from domain.outbox import BULK, REPLY, OutboxDraft
from domain.outbox import service as outbox
from domain.outbox.queries import FETCH_READY
from shards.lanes import HELD
from shards.worker import Worker
from tests.shards.test_sending import Cut
from tests.shards.world import Sink, Tenant, World, refusal, running_worker, until

BOT = 1001


@pytest.fixture
async def tenant(world: World) -> Tenant:
    """A tenant with a bot."""
    found = await world.add_tenant()
    await found.add_bot(BOT)
    return found


def draft(tenant: Tenant, chat: int, text: str, *, bulk: bool = False, method: str = "sendMessage", **more: Any) -> Any:
    """A send."""
    payload = {"chat_id": chat, "text": text, **more}
    priority = BULK if bulk else REPLY
    return OutboxDraft(tenant.id, slot_of_bot(BOT), BOT, uuid7(), uuid7(), chat, 0, 1, method, payload, priority)


async def put(tenant: Tenant, *drafts: OutboxDraft) -> None:
    """Commit sends."""
    async with tenant.world.db.worker_tx() as conn:
        await outbox.enqueue(conn, drafts)


async def states(tenant: Tenant, *wanted: str) -> None:
    """Wait until the sends are in these states, in the order of their ids."""

    async def reached() -> bool:
        rows = await tenant.rows("SELECT state FROM outbox WHERE tenant_id = $1 ORDER BY id", tenant.id)
        return [row["state"] for row in rows] == list(wanted)

    await until(reached, f"states {wanted}")


async def looked(worker: Worker) -> None:
    """Wait for a look at the outbox."""

    async def open_and_read() -> bool:
        return slot_of_bot(BOT) in worker.sender._looked

    await until(open_and_read, "the slot to be read")


async def test_a_reply_overtakes_a_broadcast_of_which_little_is_in_memory(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    await put(tenant, *(draft(tenant, 1 + n, f"news {n}", bulk=True) for n in range(1000)))
    async with running_worker(shard_settings) as worker:

        async def going() -> bool:
            return len(sink.calls) >= 5

        await until(going, "the broadcast to begin")
        assert sum(len(list(lane.known)) for lane in worker.sender._lanes.values()) <= HELD + 5
        await put(tenant, draft(tenant, 5000, "reply"))
        before = len(sink.texts())
        worker.sender.ring()

        async def answered() -> bool:
            return "reply" in sink.texts()

        await until(answered, "the reply")
        assert sink.texts().index("reply") - before < 30
    assert set(sink.texts()) <= {"reply", *(f"news {n}" for n in range(3 * HELD))}


async def test_a_look_costs_no_more_for_a_long_queue(tenant: Tenant) -> None:
    await put(tenant, *(draft(tenant, 1 + n, "news", bulk=True) for n in range(3000)))
    async with tenant.world.db.worker_tx() as conn:
        plan = await conn.fetch(
            f"EXPLAIN (ANALYZE, COSTS OFF, FORMAT TEXT) {FETCH_READY}", [slot_of_bot(BOT)], [], [], True, 10, []
        )
    scans = [line[0] for line in plan if " on outbox" in line[0]]
    assert len(scans) == 3
    assert all("using outbox_ready" in scan for scan in scans)
    read = [int(float(found[1])) for scan in scans if (found := re.search(r"rows=([\d.]+)", scan))]
    assert max(read) <= 10


async def test_a_paused_bots_rows_stay_in_postgres(shard_settings: Settings, sink: Sink, tenant: Tenant) -> None:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        await bots.update(conn, tenant_id=tenant.id, bot_id=BOT, state="paused")
    await put(tenant, *(draft(tenant, 1 + n, f"{n}") for n in range(3)))
    async with running_worker(shard_settings) as worker:
        await looked(worker)
        await worker.sender._look()
        assert [list(lane.known) for lane in worker.sender._lanes.values()] == [[]]
        async with tenant.world.db.tenant_tx(tenant.id) as conn:
            await bots.update(conn, tenant_id=tenant.id, bot_id=BOT, state="active")
        worker.bots.changed(BOT)
        await states(tenant, "sent", "sent", "sent")
    assert sorted(sink.texts()) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("given", "no", "then"),
    [
        ({"message_thread_id": 7}, "Bad Request: message thread not found", {}),
        ({"reply_markup": {"inline_keyboard": []}}, "Bad Request: BUTTON_DATA_INVALID", {}),
        ({"reply_parameters": {"message_id": 3}}, "Bad Request: message to be replied not found", {}),
        ({"entities": [{"type": "bold"}]}, "Bad Request: can't parse entities: x", {}),
    ],
)
async def test_what_is_complained_about_is_left_out(
    shard_settings: Settings, sink: Sink, tenant: Tenant, given: Any, no: str, then: Any
) -> None:
    async def complain(_: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(400, no) if payload.keys() & given.keys() else None

    sink.answer = complain
    await put(tenant, draft(tenant, 1, "hello", **given))
    async with running_worker(shard_settings):
        await states(tenant, "sent")
    assert sink.sends() == [{"chat_id": 1, "text": "hello", **given}, {"chat_id": 1, "text": "hello", **then}]


async def test_a_text_that_is_too_long_is_sent_in_pieces(shard_settings: Settings, sink: Sink, tenant: Tenant) -> None:
    async def measure(_: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(400, "Bad Request: message is too long") if len(payload["text"]) > 20 else None

    sink.answer = measure
    text = " ".join(f"word{n}" for n in range(8))
    await put(tenant, draft(tenant, 1, text), draft(tenant, 1, "next"))
    async with running_worker(shard_settings):
        await states(tenant, "sent", "sent")
    short = [said for said in sink.texts() if len(said) <= 20]
    assert short[-1] == "next"
    assert " ".join(short[:-1]) == text


async def test_an_edit_without_its_message_becomes_a_message(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    async def gone(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(400, "Bad Request: message to edit not found") if method == "editMessageText" else None

    sink.answer = gone
    await put(tenant, draft(tenant, 1, "final", method="editMessageText", message_id=9))
    async with running_worker(shard_settings):
        await states(tenant, "sent")
    assert [(method, payload) for _, method, payload in sink.calls if method != "getMe"][-1] == (
        "sendMessage",
        {"chat_id": 1, "text": "final"},
    )


async def test_an_edit_whose_answer_was_lost_is_repeated_and_not_doubtful(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    answers = [Cut(), refusal(400, "Bad Request: message is not modified: specified new message content ...")]

    async def lose(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return answers.pop(0) if method == "editMessageText" and answers else None

    sink.answer = lose
    await put(tenant, draft(tenant, 1, "final", method="editMessageText", message_id=9))
    async with running_worker(shard_settings):
        await states(tenant, "sent")
    rows = await tenant.rows("SELECT resends FROM outbox WHERE tenant_id = $1", tenant.id)
    assert (answers, rows[0]["resends"]) == ([], 0)


async def test_a_broadcasts_send_whose_answer_was_lost_is_held(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    async def lose(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        return Cut() if method == "sendMessage" and payload["text"] == "lost" else None

    sink.answer = lose
    await put(tenant, draft(tenant, 1, "lost", bulk=True), draft(tenant, 2, "fine", bulk=True))
    async with running_worker(shard_settings):
        await states(tenant, "uncertain", "sent")
    assert sink.texts().count("lost") == 1


async def test_no_second_of_the_writes_is_over_the_limit_while_connections_are_opened(
    shard_settings: Settings, sink: Sink, tenant: Tenant
) -> None:
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        await bots.update(conn, tenant_id=tenant.id, bot_id=BOT, rate=5)
    await put(tenant, *(draft(tenant, 1 + n, f"{n}") for n in range(12)))
    async with running_worker(shard_settings):
        await states(tenant, *(["sent"] * 12))
    times = sorted(at for at, (_, method, _) in zip(sink.at, sink.calls, strict=True) if method == "sendMessage")
    assert len(times) == 12
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[5:], strict=False))
