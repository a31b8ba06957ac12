"""The conversation in a real browser: streaming, citations, reloads, cut connections, what was written offline."""

from playwright.async_api import Locator, Page, expect

from tests.web.fake_gateway import FakeGateway
from tests.web.stage import OpenPage, browser, built_widget, gateway, open_page, until

__all__ = ["browser", "built_widget", "gateway", "open_page"]  # fixtures, found by pytest through this module

CITATION = {
    "n": 1,
    "document_id": None,
    "title": "Returns policy",
    "heading": "Return within 30 days",
    "page": 2,
    "url": "https://shop.example/returns",
    "excerpt": "Send the item back within 30 days of delivery.",
}


async def ask(page: Page, gateway: FakeGateway, text: str) -> None:
    await page.get_by_role("textbox").fill(text)
    await page.keyboard.press("Enter")
    await until(lambda: any(post["text"] == text for post in gateway.posts))


async def height_of(box: Locator) -> float:
    measured = await box.bounding_box()
    assert measured is not None
    return measured["height"]


async def live(page: Page) -> None:
    await expect(page.get_by_text("AI assistant · a person can join")).to_be_visible()


async def test_an_answer_streams_in_and_its_citation_opens(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await page.get_by_role("button", name="How do I return an item?").click()
    await expect(page.locator(".mine .bubble")).to_have_text("How do I return an item?")
    await until(gateway.posted.is_set)
    gateway.start_turn("t1")
    await expect(page.get_by_role("img", name="The assistant is writing")).to_be_visible()
    gateway.delta("Send it back within **30 days**")
    await expect(page.locator(".writing")).to_contain_text("Send it back within 30 days")
    await expect(page.locator(".dots")).to_have_count(0)
    gateway.delta(" [1]. 🙂 The label")
    gateway.delta(" is in the box.")
    await expect(page.locator(".writing")).to_contain_text("The label is in the box.")
    gateway.finish_turn([CITATION])
    await expect(page.locator(".writing")).to_have_count(0)
    await expect(page.locator(".bubble.assistant")).to_have_count(2)  # the greeting and the answer
    source = page.get_by_role("button", name="Source 1: Returns policy")
    await source.focus()
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="Returns policy")
    await expect(sheet).to_contain_text("Return within 30 days · page 2")
    await expect(sheet).to_contain_text("Send the item back within 30 days of delivery.")
    await expect(sheet.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer nofollow")
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await expect(source).to_be_focused()


async def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await ask(page, gateway, "Where is my order?")
    gateway.start_turn("t1")
    gateway.delta("It left the ")
    await expect(page.locator(".writing")).to_contain_text("It left the")
    await page.get_by_role("textbox").fill("half a thought")
    await page.reload()
    await expect(page.locator(".writing")).to_contain_text("It left the")
    await expect(page.get_by_role("textbox")).to_have_value("half a thought")
    gateway.delta("warehouse.")
    await expect(page.locator(".writing")).to_contain_text("It left the warehouse.")
    gateway.finish_turn()
    await expect(page.locator(".bubble.assistant").last).to_have_text("It left the warehouse.")
    assert len(gateway.dialogs) == 1
    assert gateway.sessions[-1]["visitor_token"] in gateway.dialogs


async def test_a_cut_connection_loses_and_doubles_nothing(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await ask(page, gateway, "first")
    gateway.start_turn("t1")
    gateway.delta("one ")
    await expect(page.locator(".writing")).to_contain_text("one")
    gateway.kill_streams()
    gateway.delta("two ")
    gateway.say("operator", "Anna here", author="Anna")
    gateway.delta("three")
    await expect(page.locator(".writing")).to_contain_text("one two three")
    gateway.kill_streams()
    gateway.finish_turn()
    gateway.say("system", "The conversation goes on.")
    await expect(page.locator(".notice")).to_have_text("The conversation goes on.")
    shown = await page.locator(".mine .bubble, .theirs .bubble").all_inner_texts()
    assert shown[1:] == ["first", "Anna here", "one two three"]
    assert gateway.resumed_from[1].endswith(":1")  # it came back where it was


async def test_what_is_written_without_a_connection_is_kept_and_sent_once(
    gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page(gateway.chat_url)
    await live(page)
    gateway.down = True
    gateway.kill_streams()
    await page.get_by_role("textbox").fill("Are you there?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No connection. What you write is kept.")).to_be_visible()
    await page.reload()
    await expect(page.locator(".mine .bubble")).to_have_text("Are you there?")
    await expect(page.get_by_text("Kept here, sent when the connection is back")).to_be_visible()
    gateway.down = False
    await until(gateway.posted.is_set, 30)
    await live(page)
    await expect(page.locator(".mine .bubble")).to_have_count(1)
    assert [message["text"] for message in gateway.dialog.messages] == ["Are you there?"]
    assert await page.evaluate("localStorage.getItem('replyx:demo-site:outbox')") is None


async def test_a_device_without_network_says_so_and_sends_later(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await live(page)
    await page.context.set_offline(True)
    await expect(page.get_by_text("No connection. What you write is kept.")).to_be_visible()
    await expect(page.get_by_role("banner").get_by_text("Offline")).to_be_visible()
    for text in ("one", "two"):
        await page.get_by_role("textbox").fill(text)
        await page.keyboard.press("Enter")
    await expect(page.locator(".mine.queued")).to_have_count(2)
    await page.context.set_offline(False)
    await live(page)
    await until(lambda: len(gateway.dialog.messages) == 2)
    await expect(page.locator(".mine.queued")).to_have_count(0)
    assert [message["text"] for message in gateway.dialog.messages] == ["one", "two"]


async def test_an_aborted_turn_and_its_second_try(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await ask(page, gateway, "hello")
    gateway.start_turn("t1")
    gateway.delta("A wrong start")
    await expect(page.locator(".writing")).to_be_visible()
    gateway.publish("turn", {"turn_id": "t1", "state": "aborted"})
    await expect(page.locator(".writing")).to_have_count(0)
    gateway.start_turn("t2")
    gateway.delta("A better one")
    gateway.finish_turn()
    await expect(page.locator(".bubble.assistant").last).to_have_text("A better one")
    assert "wrong" not in await page.locator(".list").inner_text()


async def test_a_person_is_asked_for_and_comes(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await ask(page, gateway, "I want a person")
    gateway.set_mode("requested")
    await expect(page.get_by_text("A person was asked to join.")).to_be_visible()
    gateway.set_mode("active")
    gateway.operator_types("Anna")
    await expect(page.get_by_role("img", name="Anna is typing")).to_be_visible()
    gateway.say("operator", "Hello, this is Anna.", author="Anna")
    await expect(page.get_by_role("banner").get_by_text("Anna is answering")).to_be_visible()
    await expect(page.locator(".dots")).to_have_count(0)
    await expect(page.get_by_text("A person was asked to join.")).to_be_hidden()


async def test_a_long_message_is_counted_and_not_sent(gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(gateway.chat_url)
    await live(page)
    box = page.get_by_role("textbox")
    await box.fill("🙂" * 4001)
    await expect(page.get_by_text("Too long by 1. Shorten it or send it in parts.")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(box).not_to_have_value("")
    await box.fill("a\nb")
    height = await height_of(box)
    await box.press("Shift+Enter")
    await box.press("c")
    await expect(box).to_have_value("a\nb\nc")
    assert await height_of(box) > height
    await box.fill("line\n" * 30)
    assert await height_of(box) < 140
    assert gateway.posts == []
