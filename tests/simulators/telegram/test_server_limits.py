"""What the server refuses beside Telegram's flood control: overload, new bots, repeated files, shutting down."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import ClientSession, FormData

from simulators.telegram import FakeClock, Options, running_simulator
from tests.simulators.telegram.client import Json, Stage


def sending(stage: Stage, chat_id: int = 0, **extra: object) -> "asyncio.Task[Json]":
    return asyncio.create_task(stage.call("sendMessage", chat_id=chat_id or stage.user, text="x", **extra))


async def waiting(condition: Callable[[], bool]) -> None:
    """Until a request waits in the server, which is no event of its own."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def group_of(stage: Stage) -> int:
    group = await stage.control("groups", {"title": "G", "members": [stage.user], "bots": [stage.bot.id]})
    return int(group["chat"]["id"])


async def test_ignoring_a_429_makes_it_longer(stage: Stage) -> None:
    chat_id = await group_of(stage)
    for _ in range(20):
        assert (await sending(stage, chat_id))["ok"]
    waits = [(await sending(stage, chat_id))["parameters"]["retry_after"] for _ in range(3)]
    assert waits == [60, 61, 62]
    await stage.clock.advance(61)
    assert (await sending(stage, chat_id))["parameters"]["retry_after"] == 2
    stage.start()
    assert (await sending(stage))["ok"], "other chats go on"
    await stage.clock.advance(2)
    assert (await sending(stage, chat_id))["ok"]


async def test_edits_and_sends_share_the_budget_of_a_group(stage: Stage) -> None:
    chat_id = await group_of(stage)
    sent = (await sending(stage, chat_id))["result"]
    for number in range(19):
        edit = {"chat_id": chat_id, "message_id": sent["message_id"], "text": f"version {number}"}
        await stage.result("editMessageText", **edit)
    assert (await sending(stage, chat_id))["parameters"]["retry_after"] == 60


async def test_the_last_wait_is_told_after_eight_seconds_of_holding(stage: Stage) -> None:
    stage.start()
    calls = [sending(stage) for _ in range(5 + 9)]
    for _ in range(8):
        await stage.clock.wait_for_timer(0.5, 1)
        await stage.clock.advance(1)
    answers = await asyncio.gather(*calls)
    refused = [answer["parameters"]["retry_after"] for answer in answers if not answer["ok"]]
    assert refused == [1], "the sum of the waits is 8 s for the one before, 9 s for the last"


@pytest.mark.parametrize("per_chat", [True, False])
async def test_scripted_holds(stage: Stage, per_chat: bool) -> None:
    stage.start()
    hold = {"bot": stage.bot.id, "retry_after": 10_072} | ({"chat": stage.user} if per_chat else {})
    assert (await stage.control("holds", hold))[0]["seconds"] == 10_072
    assert (await sending(stage))["parameters"]["retry_after"] == 10_073
    other = await group_of(stage)
    assert (await sending(stage, other))["ok"] == per_chat
    await stage.clock.advance(10_080)
    assert (await sending(stage))["ok"]


async def test_pressed_buttons_are_answered_without_any_limit(stage: Stage) -> None:
    stage.start()
    callbacks = [stage.sim.world.add_callback(stage.bot, stage.user, stage.user) for _ in range(100)]
    await stage.control("holds", {"bot": stage.bot.id, "retry_after": 60})
    for callback in callbacks:
        assert await stage.result("answerCallbackQuery", callback_query_id=callback.id) is True


async def test_chat_actions_are_held_for_two_seconds_at_most(stage: Stage) -> None:
    stage.start()
    await stage.control("limits", {"preview_per_second": 1})
    calls = [asyncio.create_task(stage.call("sendChatAction", chat_id=stage.user, action="typing")) for _ in range(4)]
    for _ in range(2):
        await stage.clock.wait_for_timer(0.5, 1)
        await stage.clock.advance(1)
    answers = await asyncio.gather(*calls)
    assert sorted(answer["ok"] for answer in answers) == [False, True, True, True]


async def test_310_unsent_messages_in_one_chat(stage: Stage) -> None:
    stage.start()
    await stage.control("limits", {"unsent_per_chat": 3})
    for _ in range(5):
        assert (await sending(stage))["ok"]
    held = [sending(stage) for _ in range(3)]
    await waiting(lambda: stage.sim.core.limits.unsent(stage.bot.id, stage.user) == 3)
    late = sending(stage)
    await stage.clock.wait_for_timer(3, 3)
    assert not late.done(), "the refusal itself is 3 seconds late"
    await stage.clock.advance(3)
    assert (await late)["parameters"] == {"retry_after": 60}
    assert all(answer["ok"] for answer in await asyncio.gather(*held))


async def test_too_many_requests_under_way(stage: Stage) -> None:
    stage.start()
    stage.bot.active = 1_000
    assert (await sending(stage))["ok"], "one update of the last minute makes room for one more"
    stage.bot.active = 1_001
    refused = asyncio.create_task(stage.call("getMe"))
    await stage.clock.wait_for_timer(3, 3)
    await stage.clock.advance(3)
    assert (await refused)["parameters"] == {"retry_after": 60}


async def test_one_file_again_and_again_is_spaced(stage: Stage) -> None:
    stage.start()
    await stage.control("limits", {"enabled": False})

    async def upload(size: int) -> Json:
        form = FormData({"chat_id": str(stage.user)})
        form.add_field("document", bytes([1]) * size, filename="a.bin")
        async with stage.http.post(f"{stage.sim.url}/bot{stage.bot.token}/sendDocument", data=form) as response:
            data: Json = await response.json()
            return data

    for _ in range(5):
        assert (await upload(100_000))["ok"], "small files are not counted"
    assert (await upload(100_001))["ok"]
    second = asyncio.create_task(upload(100_001))
    assert 0.2 <= await stage.clock.wait_for_timer() <= 0.9
    await stage.clock.advance(0.9)
    assert (await second)["ok"]
    stage.bot.next_file_at[100_001] = stage.clock.now() + 5.1
    refused = asyncio.create_task(upload(100_001))
    await stage.clock.wait_for_timer(3, 3)
    await stage.clock.advance(3)
    assert (await refused)["parameters"] == {"retry_after": 60}


async def test_paid_broadcasts(stage: Stage) -> None:
    people = [stage.sim.add_user() for _ in range(62)]
    for person in people:
        stage.sim.say(stage.bot, person, "hi")
    stage.bot.stars = 10_002.95
    for person in people[:60]:
        assert (await sending(stage, person, allow_paid_broadcast=True))["ok"]
    assert (await stage.result("getMyStarBalance"))["amount"] == 9_999, "30 are free, 30 cost 0.1 each"
    unpaid = sending(stage, people[60], allow_paid_broadcast=True)
    assert await stage.clock.wait_for_timer() == 1, "without the balance the ordinary limit holds"
    await stage.clock.advance(1)
    assert (await unpaid)["ok"]


async def test_new_bots_from_one_address(stage: Stage) -> None:
    async def first_request(address: str) -> int:
        bot = stage.sim.add_bot()
        headers = {"X-Real-IP": address} if address else {}
        async with stage.http.get(f"{stage.sim.url}/bot{bot.token}/getMe", headers=headers) as response:
            return response.status

    assert [await first_request("8.8.8.8") for _ in range(21)] == [200] * 20 + [429]
    assert await first_request("8.8.4.4") == 200
    assert [await first_request("") for _ in range(21)] == [200] * 21, "private addresses are trusted"
    await stage.clock.advance(60)
    assert await first_request("8.8.8.8") == 200


async def test_close_is_refused_in_the_first_ten_minutes(stage: Stage) -> None:
    await stage.result("getMe")
    assert (await stage.call("close"))["parameters"] == {"retry_after": 600}
    await stage.clock.advance(600)
    assert await stage.result("close") is True
    assert await stage.refusal("getMe") == "Bad Request: the bot has already been closed"


async def test_bots_of_another_server_are_misdirected() -> None:
    async with running_simulator(Options(token_filter=(1, 2)), FakeClock()) as sim, ClientSession() as http:
        for bot_id, status in [(1001, 200), (1002, 421)]:
            bot = sim.add_bot(f"{bot_id}:token")
            async with http.get(f"{sim.url}/bot{bot.token}/getMe") as response:
                assert response.status == status
                answer = await response.json()
    assert answer["description"] == "Misdirected Request: unallowed token specified"


async def test_a_server_that_shuts_down_answers_everything() -> None:
    async with ClientSession() as http:
        async with running_simulator(Options(), FakeClock()) as sim:
            stage = Stage(sim, FakeClock(), http)
            stage.start()
            poll = asyncio.create_task(stage.call("getUpdates", timeout=50))
            for _ in range(5):
                await stage.result("sendMessage", chat_id=stage.user, text="x")
            held = sending(stage)
            await waiting(lambda: sim.core.limits.unsent(stage.bot.id, stage.user) == 1)
            await waiting(lambda: stage.bot.poll.waiter is not None)
        for answer in (await poll, await held):
            assert (answer["error_code"], answer["parameters"]) == (429, {"retry_after": 5})


async def test_answers_that_break_in_the_middle(stage: Stage) -> None:
    stage.start()
    stage.sim.fault("sendMessage", "reset", after=True)
    with pytest.raises(aiohttp.ClientError):
        await sending(stage)
    assert stage.sim.answers(stage.bot, stage.user) == ["x"], "it took effect"
    stage.sim.fault("sendMessage", "slow_body", seconds=10)
    slow = sending(stage)
    for _ in range(10):
        await stage.clock.wait_for_timer(0.5, 1)
        assert not slow.done()
        await stage.clock.advance(1)
    assert (await slow)["ok"]


async def test_a_slow_accept_delays_only_new_connections(stage: Stage) -> None:
    await stage.result("getMe")
    stage.sim.fault("*", "slow_accept", seconds=5)
    await stage.result("getMe")
    async with ClientSession() as http:
        fresh = asyncio.create_task(http.get(f"{stage.sim.url}/bot{stage.bot.token}/getMe"))
        await stage.clock.wait_for_timer(5, 5)
        assert not fresh.done()
        await stage.clock.advance(5)
        assert (await fresh).status == 200


async def test_faults_choose_their_calls(stage: Stage) -> None:
    stage.start()
    fault = await stage.control("faults", {"method": "sendMessage", "action": "500", "contains": "boom", "times": 0})
    for text, ok in [("calm", True), ("boom", False), ("big boom", False)]:
        assert (await stage.call("sendMessage", chat_id=stage.user, text=text))["ok"] == ok
    async with stage.http.delete(f"{stage.sim.url}/control/faults?id={fault[0]['id']}") as response:
        assert await response.json() == []
    error = {"method": "sendMessage", "action": "error", "parameters": {"migrate_to_chat_id": -5}}
    await stage.control("faults", error)
    assert (await stage.call("sendMessage", chat_id=stage.user, text="x"))["parameters"] == {"migrate_to_chat_id": -5}
