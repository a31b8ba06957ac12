"""Flood control on a clock that tests move, scripted faults, the call log and the event stream."""

import asyncio

import aiohttp
import orjson
import pytest

from tests.simulators.telegram.client import Json, Stage


@pytest.fixture(autouse=True)
def _started(stage: Stage) -> None:
    stage.start()


def sending(stage: Stage, chat_id: int = 0) -> "asyncio.Task[Json]":
    return asyncio.create_task(stage.call("sendMessage", chat_id=chat_id or stage.user, text="x"))


async def test_a_small_flood_is_held(stage: Stage) -> None:
    for _ in range(5):
        assert (await sending(stage))["ok"]
    held = sending(stage)
    assert await stage.clock.wait_for_timer() == 1
    assert not held.done()
    await stage.clock.advance(1)
    assert (await held)["ok"]


async def test_a_big_flood_is_refused(stage: Stage) -> None:
    group = stage.sim.world.add_group("G")
    group.members.add(stage.bot.id)
    for _ in range(20):
        assert (await sending(stage, group.id))["ok"]
    async with stage.http.post(
        f"{stage.sim.url}/bot{stage.bot.token}/sendMessage", json={"chat_id": group.id, "text": "x"}
    ) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "60"
        assert await response.json() == {
            "ok": False, "error_code": 429, "description": "Too Many Requests: retry after 60",
            "parameters": {"retry_after": 60},
        }  # fmt: skip
    await stage.clock.advance(60)
    assert (await sending(stage, group.id))["ok"]
    await stage.control("limits", {"enabled": False})
    for _ in range(30):
        assert (await sending(stage, group.id))["ok"]


async def test_a_bot_has_a_budget_per_second(stage: Stage) -> None:
    people = [stage.sim.add_user() for _ in range(31)]
    for person in people:
        stage.sim.say(stage.bot, person, "hi")
    for person in people[:30]:
        assert (await sending(stage, person))["ok"]
    last = sending(stage, people[30])
    assert await stage.clock.wait_for_timer() == 1
    await stage.clock.advance(1)
    assert (await last)["ok"]


async def test_faults(stage: Stage) -> None:
    sim = stage.sim
    sim.fault("sendMessage", "429", retry_after=3)
    assert (await sending(stage))["parameters"] == {"retry_after": 3}
    sim.fault("sendMessage", "500")
    assert (await sending(stage))["description"] == "Internal Server Error"
    sim.fault("sendMessage", "error", code=403, description="Forbidden: bot was blocked by the user")
    assert (await sending(stage))["error_code"] == 403
    await stage.control("faults", {"method": "*", "action": "502", "bot": stage.bot.id})
    async with stage.http.get(f"{sim.url}/bot{stage.bot.token}/getMe") as response:
        assert (response.status, response.content_type) == (502, "text/html")
    assert sim.answers(stage.bot, stage.user) == []
    for after, delivered in [(False, 0), (True, 1)]:
        sim.fault("sendMessage", "close", after=after)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await sending(stage)
        assert len(sim.answers(stage.bot, stage.user)) == delivered
    sim.fault("sendMessage", "hang", seconds=30, after=True)
    hanging = sending(stage)
    await stage.clock.wait_for_timer(30, 30)
    assert len(sim.answers(stage.bot, stage.user)) == 2
    await stage.clock.advance(30)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await hanging
    await stage.control("faults", {"method": "getMe", "action": "explode"}, status=400)
    assert await stage.control("faults") == []


async def test_the_call_log(stage: Stage) -> None:
    await sending(stage)
    stage.sim.fault("getMe", "close")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await stage.call("getMe")
    calls = await stage.control(f"calls?bot={stage.bot.id}")
    assert [(call["method"], call["status"]) for call in calls] == [("sendMessage", 200), ("getMe", -1)]
    assert calls[0]["params"] == {"chat_id": str(stage.user), "text": "x"}
    assert len(await stage.control(f"calls?since={calls[0]['id']}")) == 1


async def test_the_event_stream(stage: Stage) -> None:
    async with stage.http.get(f"{stage.sim.url}/control/stream?bot={stage.bot.id}") as response:
        assert (await response.content.readline()).startswith(b"retry:")
        await response.content.readline()
        await sending(stage)
        event = orjson.loads((await response.content.readline()).removeprefix(b"data: "))
        assert (event["type"], event["message"]["text"], event["outgoing"]) == ("message", "x", True)


async def test_control_refuses_nonsense(stage: Stage) -> None:
    await stage.control("say", {"bot": "nobody", "user": 1, "text": "x"}, status=404)
    await stage.control("say", {"bot": stage.bot.id, "user": 99, "text": "x"}, status=409)
    await stage.control("say", {"bot": stage.bot.id}, status=400)
    await stage.control("limits", {"speed": 9}, status=400)
    stage.sim.people.block(stage.bot, stage.user)
    answer = await stage.control("say", {"bot": stage.bot.id, "user": stage.user, "text": "x"}, status=409)
    assert answer == {"error": "the bot is blocked; unblock it first"}
