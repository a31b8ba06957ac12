"""The chat page in a browser: a person starts a bot, sees it write, presses a button, blocks it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from simulators.telegram import RunningSimulator, running_simulator

ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
]  # fmt: skip


@pytest.fixture
async def sim() -> AsyncIterator[RunningSimulator]:
    async with running_simulator() as running:
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        opened = await browser.new_page()
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield opened
        await browser.close()
        assert not complaints


async def test_a_conversation(sim: RunningSimulator, page: Page) -> None:
    bot = sim.add_bot(username="helper_bot", first_name="Helper")
    user = sim.add_user(first_name="Ann")
    await page.goto(sim.url)
    await page.get_by_role("button", name="Helper").click()
    await page.get_by_role("button", name="Start", exact=True).click()
    await sim.wait_for(lambda: sim.messages(bot, user))
    await call(sim, page, "sendMessageDraft", {"chat_id": user, "draft_id": 1, "text": "Thinking about <b>"})
    await page.locator(".draft", has_text="Thinking about <b>").wait_for()
    keys = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    answer = {"chat_id": user, "text": "<b>Bold</b> & done", "parse_mode": "HTML", "reply_markup": keys}
    await call(sim, page, "sendMessage", answer)
    await page.locator(".bubble b", has_text="Bold").wait_for()
    assert await page.locator(".draft").count() == 0
    await page.get_by_role("button", name="Yes").click()
    pressed = await sim.wait_for(lambda: list(sim.world.callbacks))
    await call(sim, page, "answerCallbackQuery", {"callback_query_id": pressed[0], "text": "Noted"})
    await page.locator("#toast", has_text="Noted").wait_for()
    await call(sim, page, "editMessageText", {"chat_id": user, "message_id": 2, "text": "Changed"})
    await page.locator(".bubble", has_text="Changed").wait_for()
    await page.get_by_label("Message", exact=True).fill("thanks")
    await page.keyboard.press("Enter")
    await sim.wait_for(lambda: sim.messages(bot, user)[-1].message.get("text") == "thanks")
    await page.get_by_role("button", name="Block bot").click()
    await page.get_by_text("You blocked this bot").wait_for()
    chat = sim.world.chat(bot, user)
    assert chat is not None
    assert chat.blocked


async def call(sim: RunningSimulator, page: Page, method: str, params: dict[str, object]) -> None:
    """A call of the bot."""
    token = next(iter(sim.world.tokens))
    response = await page.request.post(f"{sim.url}/bot{token}/{method}", data=params)
    assert response.ok, await response.text()


async def test_a_new_person(sim: RunningSimulator, page: Page) -> None:
    sim.add_bot(first_name="Helper")
    await page.goto(sim.url)
    await page.get_by_role("button", name="New person").click()
    await page.get_by_label("First name").fill("Иван")
    await page.get_by_role("button", name="Create").click()
    async with asyncio.timeout(10):
        await sim.wait_for(lambda: [user["first_name"] for user in sim.world.users.values()] == ["Иван"])
    await page.locator("#user option", has_text="Иван").wait_for(state="attached")
