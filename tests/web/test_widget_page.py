"""The widget on a foreign page: launcher, focus, unread, phone, languages, accessibility, strangers' messages."""

import pytest
from playwright.async_api import expect

from tests.web.fake_gateway import FakeGateway
from tests.web.stage import PHONE, OpenPage, browser, built_widget, chat_frame, gateway, open_page, until, violations
from tests.web.test_widget_chat import CITATION

__all__ = ["browser", "built_widget", "gateway", "open_page"]  # fixtures, found by pytest through this module


async def test_opens_closes_and_gives_the_focus_back(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.shop_url)
    launcher = page.get_by_role("button", name="Open chat")
    await expect(launcher).to_have_count(1)  # though the page includes the script twice
    assert await page.locator("iframe").count() == 0  # nothing is loaded before it is wanted
    await launcher.click()
    frame = await chat_frame(page)
    await expect(frame.get_by_role("textbox")).to_be_focused()
    await expect(frame.get_by_text("Ask me about orders")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(".panel")).to_be_hidden()
    await expect(page.get_by_role("button", name="Open chat")).to_be_focused()
    await page.evaluate("ReplyX.open()")
    await expect(page.locator(".panel")).to_be_visible()
    await frame.get_by_role("button", name="Close chat").click()
    await expect(page.locator(".panel")).to_be_hidden()


async def test_unread_answers_are_counted_while_it_is_closed(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.shop_url)
    await page.evaluate("ReplyX.open()")
    frame = await chat_frame(page)
    await frame.get_by_role("button", name="Is there a warranty?").click()
    await until(gateway.posted.is_set)
    await page.keyboard.press("Escape")
    await expect(page.locator(".panel")).to_be_hidden()
    gateway.say("assistant", "Yes, two years.")
    await expect(page.get_by_role("button", name="Open chat, 1 new message")).to_be_visible()
    await page.reload()  # the next page counts on without being opened
    await expect(page.get_by_role("button", name="Open chat, 1 new message")).to_be_visible()
    await page.evaluate("ReplyX.toggle()")
    await expect(page.get_by_role("button", name="Close chat", exact=True).first).to_be_visible()
    await expect(page.locator(".badge")).to_be_hidden()


async def test_messages_of_strangers_are_not_heard(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.shop_url)
    await page.evaluate("ReplyX.open()")
    await chat_frame(page)
    await page.evaluate("postMessage({channel: 'replyx/1', type: 'close'}, '*')")
    await page.evaluate("postMessage({channel: 'replyx/1', type: 'unread', count: 7}, '*')")
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(page.locator(".panel")).to_be_visible()
    await expect(page.locator(".badge")).to_be_hidden()


async def test_fills_a_phone_and_locks_the_page_behind(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.shop_url, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("button", name="Open chat").tap()
    frame = await chat_frame(page)
    await expect(page.locator(".panel")).to_have_css("opacity", "1")
    box = await page.locator(".panel").bounding_box()
    assert box is not None
    assert (box["x"], box["width"], box["height"]) == (0, 390, 844)
    assert await page.evaluate("document.documentElement.style.overflow") == "hidden"
    await expect(frame.get_by_role("button", name="Close chat")).to_be_focused()  # no keyboard over the greeting
    assert await frame.evaluate("document.documentElement.scrollWidth") == 390
    await frame.get_by_role("button", name="Close chat").tap()
    await expect(page.locator(".panel")).to_be_hidden()
    assert await page.evaluate("document.documentElement.style.overflow") == ""


async def test_speaks_russian(gateway: FakeGateway, open_page: OpenPage) -> None:
    gateway.locale = "ru"
    page = await open_page(gateway.shop_url, locale="en-US")
    await page.get_by_role("button", name="Открыть чат").click()
    frame = await chat_frame(page)
    await expect(frame.get_by_text("ИИ · можно позвать сотрудника")).to_be_visible()
    await expect(frame.get_by_placeholder("Напишите сообщение…")).to_be_visible()
    assert await frame.evaluate("document.documentElement.lang") == "ru"
    assert gateway.sessions[0]["locale"] == "ru"
    assert gateway.sessions[0]["page_url"] == f"{gateway.shop_url}/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", ["#4f46e5", "#ffe600", "#0b0b0b"])
async def test_axe_finds_nothing(gateway: FakeGateway, open_page: OpenPage, scheme: str, accent: str) -> None:
    gateway.accent = accent
    page = await open_page(gateway.shop_url, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    await page.evaluate("ReplyX.open()")
    frame = await chat_frame(page)
    await expect(frame.get_by_text("AI assistant · a person can join")).to_be_visible()
    assert await violations(page.main_frame) == []
    assert await violations(frame) == []
    await frame.get_by_role("button", name="How do I return an item?").click()
    await until(gateway.posted.is_set)
    gateway.start_turn("t1")
    gateway.delta("Within `30` days [1], see https://shop.example/returns\n\n- keep the box")
    gateway.finish_turn([CITATION])
    gateway.say("operator", "I can help too.", author="Anna")
    gateway.set_mode("requested")
    gateway.start_turn("t2")
    gateway.delta("One more thing [2]")
    await expect(frame.locator(".writing")).to_contain_text("One more thing")
    assert await violations(frame) == []
    await frame.locator(".cite[role=button]").first.click()
    await expect(frame.get_by_role("dialog")).to_be_visible()
    assert await violations(frame) == []
    await page.keyboard.press("Escape")
    gateway.down = True
    gateway.kill_streams()
    await frame.get_by_role("textbox").fill("kept")
    await frame.get_by_role("textbox").press("Enter")
    await expect(frame.get_by_text("No connection.")).to_be_visible()
    assert await violations(frame) == []
