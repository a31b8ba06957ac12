"""getUpdates: acknowledgement, clamps, conflicts, throttling, lifetimes."""

import asyncio
import random
from typing import Any

import pytest

from simulators.telegram.update_queue import MAX_UPDATE_BYTES, UpdateQueue, expiry
from tests.simulators.telegram.client import Stage

ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


def ids(updates: list[dict[str, Any]]) -> list[int]:
    return [update["update_id"] for update in updates]


async def test_offset_acknowledges(stage: Stage) -> None:
    for number in range(5):
        stage.sim.say(stage.bot, stage.user, f"text {number}")
    first = ids(await stage.result("getUpdates"))
    assert 2_000_001 <= first[0] <= 1_000_000_000
    assert first == list(range(first[0], first[0] + 5))
    await stage.clock.advance(1)
    assert ids(await stage.result("getUpdates", offset=first[2])) == first[2:]
    await stage.clock.advance(1)
    assert ids(await stage.result("getUpdates")) == first[2:]
    assert ids(await stage.result("getUpdates", offset=first[-1] + 1_000)) == first[2:], "far too high: nothing acked"
    assert ids(await stage.result("getUpdates", offset=-1)) == first[-1:]
    await stage.clock.advance(1)
    assert ids(await stage.result("getUpdates", offset=0)) == first[-1:], "a negative offset forgets the rest"
    assert await stage.result("getUpdates", offset=first[-1] + 1) == []
    assert len(stage.bot.queue) == 0


async def test_body_is_written_like_the_real_one(stage: Stage) -> None:
    stage.sim.say(stage.bot, stage.user, "x")
    async with stage.http.get(f"{stage.sim.url}/bot{stage.bot.token}/getUpdates") as response:
        assert (await response.text()).startswith('{"ok":true,"result":[{"update_id":')
        assert ',\n"message":{"message_id":1,' in await response.text()


async def test_a_waiting_poll_is_woken(stage: Stage) -> None:
    poll = asyncio.create_task(stage.result("getUpdates", timeout=50))
    await stage.clock.wait_for_timer(50, 50)
    stage.sim.say(stage.bot, stage.user, "now")
    assert (await poll)[0]["message"]["text"] == "now"


async def test_timeout_is_clamped_and_ends(stage: Stage) -> None:
    poll = asyncio.create_task(stage.result("getUpdates", timeout=500))
    assert await stage.clock.wait_for_timer() == 50
    await stage.clock.advance(50)
    assert await poll == []


async def test_second_poller_ends_the_first(stage: Stage) -> None:
    first = asyncio.create_task(stage.call("getUpdates", timeout=50))
    await stage.clock.wait_for_timer(50, 50)
    second = asyncio.create_task(stage.call("getUpdates", timeout=40))
    assert (await first)["description"] == OTHER
    third = asyncio.create_task(stage.call("getUpdates", timeout=30))
    await stage.clock.wait_for_timer(3, 3)
    assert not second.done(), "the next conflict is answered 3 seconds late"
    await stage.clock.advance(3)
    assert (await second)["error_code"] == 409
    stage.sim.say(stage.bot, stage.user, "x")
    assert len((await third)["result"]) == 1


async def test_webhook_excludes_polling(stage: Stage) -> None:
    poll = asyncio.create_task(stage.call("getUpdates", timeout=50))
    await stage.clock.wait_for_timer(50, 50)
    await stage.result("setWebhook", url="http://127.0.0.1:9/hook")
    assert (await poll)["description"] == "Conflict: terminated by setWebhook request"
    await stage.clock.advance(5)
    assert await stage.refusal("getUpdates") == ACTIVE
    await stage.result("deleteWebhook")
    await stage.clock.advance(5)
    assert await stage.result("getUpdates") == []


async def test_same_offset_is_slowed_down(stage: Stage) -> None:
    for number in range(3):
        stage.sim.say(stage.bot, stage.user, str(number))
    assert len(await stage.result("getUpdates", offset=0)) == 3
    assert len(await stage.result("getUpdates", offset=0)) == 1, "within half a second only one comes back"
    stage.bot.queue.clear()
    poll = asyncio.create_task(stage.result("getUpdates", offset=0, timeout=0))
    assert await stage.clock.wait_for_timer() == 3
    await stage.clock.advance(3)
    assert await poll == []


async def test_allowed_updates_filter_at_creation(stage: Stage) -> None:
    stage.start()
    await stage.result("getUpdates", allowed_updates=["my_chat_member"])
    stage.sim.say(stage.bot, stage.user, "unwanted")
    stage.sim.people.block(stage.bot, stage.user)
    assert (await stage.result("getWebhookInfo"))["allowed_updates"] == ["my_chat_member"]
    assert [list(u)[1] for u in await stage.result("getUpdates", offset=1)] == ["my_chat_member"]
    await stage.result("getUpdates", offset=2, allowed_updates=["nonsense"], timeout=0)
    assert "allowed_updates" not in await stage.result("getWebhookInfo"), "only unknown names mean the default"
    reaction = {"message_reaction": {"chat": {"id": 1}, "message_id": 1}}
    queued = await stage.control("update", {"bot": stage.bot.id, "update": reaction, "filtered": True})
    assert queued == {"update_id": None}


async def test_updates_expire(stage: Stage) -> None:
    stage.start()
    sent = await stage.result(
        "sendMessage", chat_id=stage.user, text="?",
        reply_markup={"inline_keyboard": [[{"text": "yes", "callback_data": "y"}]]},
    )  # fmt: skip
    stage.sim.people.press(stage.bot, stage.user, sent["message_id"], "y")
    stage.sim.say(stage.bot, stage.user, "lives a day")
    await stage.clock.advance(151)
    assert ["message" in u for u in await stage.result("getUpdates")] == [True]
    await stage.clock.advance(86_400)
    assert await stage.result("getUpdates", timeout=0, offset=5) == []


def test_queue_bounds() -> None:
    queue = UpdateQueue(random.Random(1))
    assert queue.push({"message": {"text": "x" * MAX_UPDATE_BYTES, "date": 0}}, now=1.0) is None
    start = queue.next_id
    for number in range(100_001):
        queue.push({"poll": {"id": str(number)}}, now=1.0)
    assert (len(queue), queue.lost) == (100_000, 2)
    queue.acknowledge(start + 99_990)
    assert len(queue) == 10
    queue.clear()
    queue.push({"poll": {}}, now=1.0 + 8 * 86_400)
    assert queue.next_id != start + 100_001, "a quiet week starts a new range"


@pytest.mark.parametrize(
    ("kind", "payload", "life"),
    [
        ("message", {"date": 90}, 86_390),
        ("edited_message", {"date": 0, "edit_date": 95}, 86_395),
        ("callback_query", {}, 150),
        ("shipping_query", {}, 150),
        ("pre_checkout_query", {}, 150),
        ("inline_query", {}, 30),
        ("chosen_inline_result", {}, 600),
        ("my_chat_member", {}, 86_400),
        ("not_yet_invented", None, 86_400),
    ],
)
def test_lifetimes(kind: str, payload: object, life: float) -> None:
    assert expiry(kind, payload, 100.0) - 100.0 == life


async def test_limit_is_clamped(stage: Stage) -> None:
    for number in range(120):
        stage.sim.say(stage.bot, stage.user, str(number))
    for limit, count in [(0, 1), (-5, 1), (7, 7), (100, 100), (5_000, 100)]:
        await stage.clock.advance(1)
        assert len(await stage.result("getUpdates", limit=limit)) == count


async def test_a_bad_saved_offset_means_redelivery(stage: Stage) -> None:
    for number in range(3):
        stage.sim.say(stage.bot, stage.user, str(number))
    head = stage.bot.queue.first_id()
    for offset in (head - 100_001, head + 3 + 11):
        await stage.clock.advance(4)
        assert len(await stage.result("getUpdates", offset=offset)) == 3, "treated as the head; nothing is acked"
    await stage.clock.advance(4)
    assert await stage.result("getUpdates", offset=head + 3 + 10) == []


async def test_answers_are_cut_at_four_mebibytes(stage: Stage) -> None:
    for _ in range(12):
        stage.sim.say(stage.bot, stage.user, "x" * 400_000)
    assert len(await stage.result("getUpdates", limit=100)) == 10
