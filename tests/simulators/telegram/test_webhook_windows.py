"""Webhook delivery under load and under failure: connections, health, lifetimes, addresses."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from simulators.telegram import FakeClock, Options, running_simulator
from tests.simulators.telegram.client import Hook, Stage


@pytest.fixture
async def cloud() -> AsyncIterator[Stage]:
    """The rules of api.telegram.org: https, few ports, 40 connections."""
    clock = FakeClock()
    async with (
        running_simulator(Options(local=False, webhook_check_seconds=2), clock) as sim,
        ClientSession() as http,
    ):
        yield Stage(sim, clock, http)


def crowd(stage: Stage, count: int, hook: Hook | None = None) -> list[int]:
    """People who each write once; with a hook, their updates are not answered until their gates open."""
    people = [stage.sim.add_user(first_name=f"P{number}") for number in range(count)]
    if hook is not None:
        hook.gates = {person: asyncio.Event() for person in people}
    for person in people:
        stage.sim.say(stage.bot, person, "x")
    return people


async def received(hook: Hook, count: int) -> None:
    """Until exactly so many requests have come."""
    async with asyncio.timeout(10):
        while hook.received.qsize() < count:
            await asyncio.sleep(0.001)
    assert hook.received.qsize() == count


async def test_new_connections_are_opened_ten_at_a_time(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    people = crowd(stage, 25, hook)
    await received(hook, 10)
    assert 0 < await stage.clock.wait_for_timer(0, 0.5) <= 0.5
    await stage.clock.advance(0.5)
    await received(hook, 20)
    for person in people:
        hook.gates[person].set()
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)
    assert hook.received.qsize() == 25, "open connections are used again without waiting"


async def test_failing_chats_stall_the_others_when_they_fill_the_window(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url, max_connections=2)
    hook.answers = [web.Response(status=500) for _ in range(8)]
    crowd(stage, 4)
    await received(hook, 8)  # each once more at once
    other = stage.sim.add_user(first_name="Bob")
    stage.sim.say(stage.bot, other, "stalled")
    await stage.clock.wait_for_timer(2, 2)
    assert hook.received.qsize() == 8, "the window of 2 * 2 chats is full"
    await stage.clock.advance(2)
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)


async def test_an_unhealthy_webhook_gets_one_attempt_every_two_seconds(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=503) for _ in range(1_000)]
    crowd(stage, 5)
    for _ in range(30):
        await stage.clock.wait_for_timer(0.1, 130)
        await stage.clock.advance(1)
    while not hook.received.empty():
        hook.received.get_nowait()
    attempts = 0
    for _ in range(30):
        await stage.clock.advance(2)
        await asyncio.sleep(0.005)
        assert hook.received.qsize() <= attempts + 1
        attempts = hook.received.qsize()
    assert attempts > 5
    hook.answers = []
    for _ in range(70):
        await stage.clock.advance(2)
        await asyncio.sleep(0.002)
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)


async def test_an_update_is_given_up_when_its_life_ends(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=500) for _ in range(10_000)]
    stage.sim.say(stage.bot, stage.user, "x")
    await hook.next()
    await hook.next()
    assert len(stage.bot.queue) == 1
    await stage.clock.advance(86_401)
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)


async def test_an_update_can_come_again_after_its_ack(stage: Stage, hook: Hook) -> None:
    assert await stage.control("redeliver", {"bot": stage.bot.id}) == {"update_ids": []}
    await stage.result("setWebhook", url=hook.url)
    for text in ("one", "two", "three"):
        stage.sim.say(stage.bot, stage.user, text)
    first = [await hook.next() for _ in range(3)]
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)
    again = await stage.control("redeliver", {"bot": stage.bot.id, "count": 2})
    assert again == {"update_ids": [update["update_id"] for update in first[1:]]}
    repeated = [await hook.next(), await hook.next()]
    assert sorted(update["message"]["text"] for update in repeated) == ["three", "two"]


@pytest.mark.parametrize("status", [301, 302, 404, 500])
async def test_everything_but_2xx_is_a_failure(stage: Stage, hook: Hook, status: int) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=status, headers={"Location": hook.url}), web.Response(status=204)]
    stage.sim.say(stage.bot, stage.user, "x")
    first, second = await hook.next(), await hook.next()
    assert first["update_id"] == second["update_id"]
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)
    assert (await stage.result("getWebhookInfo"))["last_error_message"].startswith(
        f"Wrong response from the webhook: {status}"
    )


async def test_retry_after_of_an_answer_is_bounded(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=503, headers={"Retry-After": "90000"})]
    stage.sim.say(stage.bot, stage.user, "x")
    await hook.next()
    assert await stage.clock.wait_for_timer(100, 4_000) == 3_600


@pytest.mark.parametrize("name", ["deleteWebhook", "setWebhook", "close", "logOut", "getMe", "getUpdates", "GETFILE"])
async def test_methods_that_an_answer_cannot_call(stage: Stage, hook: Hook, name: str) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(text=json.dumps({"method": name}), content_type="application/json")]
    stage.sim.say(stage.bot, stage.user, "x")
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)
    assert [call for call in stage.sim.calls() if call.via == "webhook"] == []


async def test_setting_a_webhook_twice_at_once(cloud: Stage) -> None:
    first = asyncio.create_task(cloud.call("setWebhook", url="https://example.com/one"))
    await cloud.clock.wait_for_timer(2, 2)
    await cloud.clock.advance(1)
    second = asyncio.create_task(cloud.call("setWebhook", url="https://example.com/two"))
    assert (await first)["description"] == "Conflict: terminated by other setWebhook"
    await cloud.clock.wait_for_timer(2, 2)
    await cloud.clock.advance(2)
    assert (await second)["ok"]
    info = await cloud.result("getWebhookInfo")
    assert (info["url"], info["max_connections"]) == ("https://example.com/two", 40)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"url": "ftp://example.com/x"}, "invalid webhook URL specified"),
        ({"url": "https://[2001:db8::1]/x"}, "bad webhook: IPv6-only addresses are not allowed"),
        ({"url": "https://10.0.0.1/x"}, "bad webhook: IP address 10.0.0.1 is reserved"),
        ({"url": "https://localhost/x"}, "bad webhook: IP address 127.0.0.1 is reserved"),
        ({"url": "https://e.com/x", "secret_token": "a" * 257}, "secret token is too long"),
        ({"url": "https://e.com/x", "secret_token": "a b"}, "secret token contains unallowed characters"),
    ],
)
async def test_refused_webhooks(cloud: Stage, params: dict[str, str], words: str) -> None:
    assert await cloud.refusal("setWebhook", **params) == f"Bad Request: {words}"


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (1, 1), (100, 100), (5_000, 100), ("many", 1)])
async def test_max_connections_are_clamped(cloud: Stage, asked: object, given: int) -> None:
    setting = asyncio.create_task(cloud.call("setWebhook", url="https://e.com/x", max_connections=asked))
    await cloud.clock.wait_for_timer(2, 2)
    await cloud.clock.advance(2)
    assert (await setting)["ok"]
    assert (await cloud.result("getWebhookInfo"))["max_connections"] == given
