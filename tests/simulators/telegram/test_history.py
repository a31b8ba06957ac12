"""The history of sends: what took effect, when its first byte arrived, and how full the windows were."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from simulators.telegram.call_log import CallLog, Origin, Send
from simulators.telegram.windows import fullest, summary
from tests.simulators.telegram.client import Stage


async def history(stage: Stage, query: str = "") -> list[dict[str, Any]]:
    answer = await stage.control(f"history?{query}")
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


async def test_what_became_of_each_send(stage: Stage) -> None:
    stage.start()
    before = time.monotonic()
    await stage.result("sendMessage", chat_id=stage.user, text="nonce-1")
    await stage.refusal("sendMessage", chat_id=1, text="nonce-2")
    for after in (False, True):
        stage.sim.fault("sendMessage", "close", after=after)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await stage.call("sendMessage", chat_id=stage.user, text=f"nonce-{after}")
    await stage.result("getMe")
    await stage.result("sendChatAction", chat_id=stage.user, action="typing")
    rows = await history(stage)
    assert [(row["text"], row["status"], row["effect"], row["fault"]) for row in rows] == [
        ("nonce-1", 200, True, ""), ("nonce-2", 400, False, ""), ("nonce-False", -1, False, "close"),
        ("nonce-True", -1, True, "close"),
    ]  # fmt: skip
    assert before <= rows[0]["arrived"] <= rows[0]["finished"] <= rows[1]["arrived"] <= time.monotonic()
    assert rows[0]["connection"] == rows[1]["connection"] != rows[3]["connection"]
    assert rows[3]["message_id"] == rows[0]["message_id"] + 1
    assert [row["text"] for row in await history(stage, "outcome=lost")] == ["nonce-True"]
    assert [row["text"] for row in await history(stage, f"chat={stage.user}&contains=nonce-1&limit=5")] == ["nonce-1"]


async def test_arrival_is_the_first_byte(stage: Stage) -> None:
    stage.start()
    await stage.result("getMe")
    body = b'{"chat_id": %d, "text": "in two parts"}' % stage.user
    host, port = stage.sim.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /bot%s/sendMessage HTTP/1.1\r\nHost: x\r\n" % stage.bot.token.encode())
    await stage.sim.wait_for(lambda: any(wire.arrived for wire in stage.sim.core.wires.open.values()) or _touch(stage))
    between = time.monotonic()
    head = b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    writer.write(head + body)
    assert b"200 OK" in await reader.readline()
    writer.close()
    assert (await history(stage))[0]["arrived"] < between


def _touch(stage: Stage) -> bool:
    """Look again at the next turn of the loop: bytes are no event of the simulator."""
    asyncio.get_running_loop().call_later(0.001, stage.sim.core.hub.touch)
    return False


async def test_the_summary(stage: Stage) -> None:
    stage.start()
    for _ in range(3):
        await stage.result("sendMessage", chat_id=stage.user, text="x")
    found = await stage.control("history/summary?private_limit=2")
    assert (found["count"], found["statuses"], found["outcomes"]) == (3, {"200": 3}, {"ok": 3})
    assert found["bots"] == {str(stage.bot.id): 3}
    assert found["windows"]["private"] | {"at": 0} == {
        "limit": 2, "seconds": 1.0, "count": 3, "bot_id": stage.bot.id, "chat_id": stage.user, "at": 0, "over": 1,
    }  # fmt: skip
    assert found["windows"]["group"]["count"] == 0


def test_windows_slide() -> None:
    def at(arrived: float, chat_id: int = 5) -> Send:
        return Send(0, arrived, 0, 1, chat_id, "sendMessage", "")

    spread = [at(second + part / 31) for second in range(3) for part in range(31)]
    assert fullest(spread, scope="bot", limit=30, seconds=1.0).count == 31
    steady = [at(number / 30) for number in range(90)]
    worst = fullest(steady, scope="bot", limit=30, seconds=1.0)
    assert (worst.count, worst.over) == (30, 0), "exactly a second apart is not in one window"
    across = [at(0.99 + number / 1000) for number in range(15)] + [at(1.5 + number / 1000) for number in range(16)]
    worst = fullest(across, scope="bot", limit=30, seconds=1.0)
    assert (worst.count, worst.over) == (31, 1), "a calendar second would not have seen it"
    assert fullest(across, scope="group", limit=20, seconds=60.0).count == 0
    assert fullest([at(1, -9), at(59, -9)], scope="group", limit=20, seconds=60.0).chat_id == -9


def test_long_histories_are_bounded_and_say_so() -> None:
    log = CallLog(sends_kept=1_000)
    for number in range(1_500):
        call = log.begin(0.0, 1, "sendMessage", {"chat_id": "5", "text": "y" * 9_000}, Origin(number / 30, 1))
        log.begin_send(call, 5)
    assert (len(list(log.sends())), log.dropped) == (1_000, 500)
    assert len(next(log.sends()).text) == 200
    assert summary(list(log.sends()), bot_limit=30, private_limit=1, group_limit=20)["windows"]["bot"]["count"] == 30


async def test_long_runs_forget_the_oldest_messages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.telegram.world.MESSAGES_IN_ALL", 10)
    other = stage.sim.add_user()
    for person in [stage.user] * 8 + [other] * 8:
        stage.sim.say(stage.bot, person, "x")
    assert [len(stage.sim.messages(stage.bot, person)) for person in (stage.user, other)] == [2, 8]
