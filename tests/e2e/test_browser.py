"""What a person sees: the shop page with the widget, a reload in the middle of an answer, the Telegram simulator."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Frame, Page, async_playwright, expect

from tests.e2e.test_kills import SLOW
from tests.product import LlmControl, Product, Telegram, Tenant
from tests.web.stage import FLAGS, built_widget, chat_frame, complaint

__all__ = ["built_widget"]

# Records how a text grows: every length it has had.
WATCH = """selector => {
    window.lengths = [];
    const note = () => {
        const node = document.querySelector(selector);
        const length = node ? node.innerText.trim().length : 0;
        if (length && length !== window.lengths.at(-1)) window.lengths.push(length);
    };
    new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


@pytest.fixture
async def page(built_widget: None) -> AsyncIterator[Page]:
    """A page that may not complain: no error on the console, no broken policy."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        opened = await browser.new_page(viewport={"width": 1280, "height": 800})
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda message: complaints.extend(complaint(message)))
        yield opened
        await browser.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("language", "question", "source", "words"),
    [
        ("en", "How do I return an item?", "Returns and exchanges", "My orders"),
        ("ru", "Как вернуть товар?", "Возврат и обмен", "Мои заказы"),
    ],
)
async def test_the_shop_answers(
    product: Product, page: Page, language: str, question: str, source: str, words: str
) -> None:
    await page.goto(f"{product.address('Demo shop with the widget')}/{language}")
    await page.get_by_role("button", name=re.compile("Open chat|Открыть чат")).click()
    frame = await chat_frame(page)
    await frame.evaluate(WATCH, ".writing")
    await ask(frame, question)
    answer = frame.locator(".bubble.assistant").last
    await expect(answer).to_contain_text(words)
    await expect(frame.locator(".writing")).to_have_count(0)
    lengths = await frame.evaluate("window.lengths")
    assert len(lengths) > 1  # it was written, not put there
    assert lengths == sorted(lengths)
    await frame.get_by_role("button", name=re.compile(f"1: {source}")).first.click()
    sheet = frame.get_by_role("dialog", name=source)
    await expect(sheet).to_contain_text(words)
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()


async def test_a_reload_in_the_middle_of_an_answer(
    page: Page, model: LlmControl, two_shops: tuple[Tenant, Tenant]
) -> None:
    shop = two_shops[0]
    model.script({**SLOW, "token_ms": 200})
    await page.goto(f"{shop.url}/chat/{shop.site_key}")
    await ask(page.main_frame, "How do I return a boat?")
    writing = page.locator(".writing")
    await expect(writing).to_contain_text("word2")
    await page.reload()
    await expect(writing).to_contain_text(re.compile("You may return a boat.*word3"))
    assert "word19." not in await writing.inner_text()  # it is the same answer, still being written
    await expect(page.locator(".bubble.assistant").last).to_contain_text("word19.", timeout=15_000)
    await expect(writing).to_have_count(0)
    await expect(page.locator(".mine .bubble")).to_have_count(1)
    await expect(page.get_by_text("word5")).to_have_count(1)
    assert len(model.calls()) == 1


async def test_the_telegram_page(
    product: Product, page: Page, model: LlmControl, two_shops: tuple[Tenant, Tenant], telegram: Telegram
) -> None:
    model.script({**SLOW, "token_ms": 150})  # longer than a chat's window: previews take places in it
    token = await telegram.new_bot("page_bot")
    bot = await two_shops[1].add_bot(token)
    person = await telegram.person("pine_compass_support_bot", first_name="Maria")
    await page.goto(f"{telegram.url}/#bot={token.partition(':')[0]}&user={person.user_id}")
    await page.get_by_role("button", name=re.compile("Pine & Compass")).first.click()
    await page.get_by_role("button", name="Start").click()
    await page.evaluate(WATCH, ".draft .body")
    for question, words, source in (
        ("How do I return an item?", "My orders", "Returns and exchanges"),
        ("Как вернуть товар?", "Мои заказы", "Возврат и обмен"),
    ):
        await page.get_by_role("textbox", name="Message").fill(question)
        await page.keyboard.press("Enter")
        answer = page.locator(".group.in:not(.draft)").last
        await expect(answer).to_contain_text(words)
        await expect(answer).to_contain_text(f"[1] {source}")
    # A preview was seen: of the first at least, because previews take places in the chat's window and never wait.
    assert await page.evaluate("window.lengths.length") >= 1

    await page.get_by_role("button", name=re.compile("page_bot")).last.click()
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator(".group.in")).to_have_count(1)
    await page.evaluate(WATCH, ".draft .body")
    await page.get_by_role("textbox", name="Message").fill("How do I return a boat?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".group.in:not(.draft)").last).to_contain_text("[1] boats")
    lengths = await page.evaluate("window.lengths")
    assert len(lengths) > 1
    assert lengths == sorted(lengths)
    await expect(page.locator(".draft")).to_have_count(0)
    await two_shops[1].ok("DELETE", f"/api/bots/{bot['id']}")


async def ask(frame: Frame, question: str) -> None:
    """Write into the chat and send."""
    await frame.get_by_role("textbox").fill(question)
    await frame.get_by_role("textbox").press("Enter")
    await expect(frame.locator(".mine .bubble").last).to_have_text(question)
