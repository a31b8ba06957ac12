"""Webhook delivery: headers, order, retries on a clock that tests move, limits of the window."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from simulators.telegram import FakeClock, Options, running_simulator
from tests.simulators.telegram.client import Hook, Stage


@pytest.fixture
async def strict() -> AsyncIterator[Stage]:
    clock = FakeClock()
    async with running_simulator(Options(local=False), clock) as sim, ClientSession() as http:
        yield Stage(sim, clock, http)


async def test_delivery_and_headers(stage: Stage, hook: Hook) -> None:
    stage.sim.say(stage.bot, stage.user, "before the webhook")
    answer = await stage.call("setWebhook", url=hook.url, secret_token="s3cret_-")
    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}
    assert (await hook.next())["message"]["text"] == "before the webhook"
    headers = hook.headers[0]
    assert headers["X-Telegram-Bot-Api-Secret-Token"] == "s3cret_-"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept-Encoding"] == "gzip, deflate"
    assert "User-Agent" not in headers
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)
    await stage.clock.advance(1)
    answer = await stage.call("setWebhook", url=hook.url, secret_token="s3cret_-")
    assert answer["description"] == "Webhook is already set"
    info = await stage.result("getWebhookInfo")
    assert info == {
        "url": hook.url, "has_custom_certificate": False, "pending_update_count": 0, "max_connections": 100
    }  # fmt: skip
    assert (await stage.call("deleteWebhook"))["description"] == "Webhook was deleted"
    assert (await stage.call("deleteWebhook"))["description"] == "Webhook is already deleted"


async def test_retry_schedule(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=500) for _ in range(8)]
    stage.sim.say(stage.bot, stage.user, "first")
    stage.sim.say(stage.bot, stage.user, "second")
    seen = [(await hook.next())["message"]["text"]]
    seen.append((await hook.next())["message"]["text"])  # the first retry is immediate
    for wait in (2, 4, 8, 16, 32):
        assert await stage.clock.wait_for_timer(0.1, 59) == wait
        await stage.clock.advance(wait)
        seen.append((await hook.next())["message"]["text"])
    assert set(seen) == {"first"}, "a failing update blocks its chat"
    assert 60 <= await stage.clock.wait_for_timer(60.5, 64) <= 64
    info = await stage.result("getWebhookInfo")
    assert info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"
    await stage.clock.advance(64)
    assert (await hook.next())["message"]["text"] == "first"
    hook.answers = []
    await stage.clock.wait_for_timer(60.5, 120)
    await stage.clock.advance(120)
    assert (await hook.next())["message"]["text"] == "first"
    assert (await hook.next())["message"]["text"] == "second"


async def test_other_chats_overtake_a_failing_one(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    other = stage.sim.add_user(first_name="Bob")
    hook.gates[stage.user] = asyncio.Event()
    stage.sim.say(stage.bot, stage.user, "stuck")
    assert (await hook.next())["message"]["text"] == "stuck"
    stage.sim.say(stage.bot, stage.user, "waits")
    stage.sim.say(stage.bot, other, "passes")
    stage.sim.people.block(stage.bot, stage.user)
    passed = [await hook.next(), await hook.next()]
    assert {next(key for key in update if key != "update_id") for update in passed} == {"message", "my_chat_member"}
    assert hook.received.empty()
    hook.gates[stage.user].set()
    assert (await hook.next())["message"]["text"] == "waits"


async def test_retry_after_is_honoured(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=429, headers={"Retry-After": "17"})]
    stage.sim.say(stage.bot, stage.user, "x")
    await hook.next()
    assert await stage.clock.wait_for_timer(0.1, 59) == 17
    await stage.clock.advance(17)
    await hook.next()


async def test_silence_times_out(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.gates[stage.user] = asyncio.Event()
    stage.sim.say(stage.bot, stage.user, "x")
    await hook.next()
    assert await stage.clock.wait_for_timer(60, 60) == 60
    await stage.clock.advance(60)
    await hook.next()
    assert (await stage.result("getWebhookInfo"))["last_error_message"] == "Read timeout expired"
    hook.gates.pop(stage.user).set()
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)


async def test_a_redirect_is_a_failure(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=302, headers={"Location": hook.url})]
    stage.sim.say(stage.bot, stage.user, "x")
    assert (await hook.next())["update_id"] == (await hook.next())["update_id"]
    await stage.sim.wait_for(lambda: len(stage.bot.queue) == 0)


async def test_connection_refused_is_reported(stage: Stage) -> None:
    await stage.result("setWebhook", url="http://127.0.0.1:9/hook")
    stage.sim.say(stage.bot, stage.user, "x")
    await stage.clock.wait_for_timer(2, 2)
    info = await stage.result("getWebhookInfo")
    assert info["last_error_message"] == "Connection refused"
    assert info["pending_update_count"] == 1
    await stage.clock.advance(1)
    await stage.result("setWebhook", url="http://127.0.0.1:9/other", drop_pending_updates=True)
    assert (await stage.result("getWebhookInfo"))["pending_update_count"] == 0


async def test_the_window_bounds_how_many_chats_are_tried(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url, max_connections=1)
    people = [stage.sim.add_user(first_name=f"P{number}") for number in range(3)]
    hook.gates = {person: asyncio.Event() for person in people}
    for person in people:
        stage.sim.say(stage.bot, person, "x")
    first = await hook.next()
    assert first["message"]["from"]["id"] == people[0]
    assert hook.received.empty(), "one connection carries one update"
    for gate in hook.gates.values():
        gate.set()
    assert [(await hook.next())["message"]["from"]["id"] for _ in range(2)] == people[1:]


async def test_method_in_the_answer(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    body = json.dumps({"method": "sendMessage", "chat_id": stage.user, "text": "from the hook"})
    hook.answers = [
        web.Response(text=body, content_type="application/json"),
        web.Response(text='{"method": "deleteWebhook"}', content_type="application/json"),
    ]
    stage.sim.say(stage.bot, stage.user, "x")
    await stage.sim.wait_for(lambda: stage.sim.answers(stage.bot, stage.user) == ["from the hook"])
    stage.sim.say(stage.bot, stage.user, "y")
    await stage.sim.wait_for(lambda: hook.received.qsize() == 2)
    assert stage.bot.webhook is not None
    assert [call.via for call in stage.sim.calls("sendMessage")] == ["webhook"]


async def test_gone_for_23_hours_removes_the_webhook(stage: Stage, hook: Hook) -> None:
    await stage.result("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=410) for _ in range(1000)]
    stage.sim.say(stage.bot, stage.user, "x")
    await hook.next()
    await hook.next()
    for _ in range(2):
        await stage.clock.wait_for_timer(0.1, 130)
        await stage.clock.advance(12 * 3600)
        await hook.next()
    await stage.sim.wait_for(lambda: stage.bot.webhook is None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/x", "bad webhook: An HTTPS URL must be provided for webhook"),
        ("https://example.com:444/x", "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ("https://127.0.0.1/x", "bad webhook: IP address 127.0.0.1 is reserved"),
        ("https:///x", "invalid webhook URL specified"),
    ],
)
async def test_strict_addresses(strict: Stage, url: str, words: str) -> None:
    assert await strict.refusal("setWebhook", url=url) == f"Bad Request: {words}"


async def test_strict_secrets_and_pace(strict: Stage) -> None:
    url = "https://example.com/hook"
    refused = await strict.refusal("setWebhook", url=url, secret_token="no spaces")
    assert refused == "Bad Request: secret token contains unallowed characters"
    await strict.result("setWebhook", url=url)
    assert (await strict.result("getWebhookInfo"))["max_connections"] == 40
    answer = await strict.call("setWebhook", url=url + "2")
    assert answer["parameters"] == {"retry_after": 1}
