"""Fixtures of the browser tests: the built widget, a gateway, Chromium, and a page that complains about complaints."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, async_playwright

from tests.web.fake_gateway import STATIC, FakeGateway

WEB = Path(__file__).parents[2] / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--no-first-run", "--disable-quic"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def built_widget() -> None:
    """Build the widget unless it is there; `make test` has built it before."""
    if not AXE.exists():
        npm("ci")
    if not (STATIC / "manifest.json").exists():
        npm("run", "build")


def npm(*arguments: str) -> None:
    """Run the system's npm, or the one beside this Python where there is none."""
    beside = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{beside}"}
    subprocess.run(["npm", *arguments], cwd=WEB, env=environment, check=True, capture_output=True)


@pytest.fixture
async def gateway(built_widget: None) -> AsyncIterator[FakeGateway]:
    """A gateway on free ports."""
    fake = FakeGateway()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def browser(gateway: FakeGateway) -> AsyncIterator[Browser]:
    """Debian's Chromium. Asks for the gateway so that the pages are closed before it is."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """`await open_page(url, viewport=..., color_scheme=...)`. At the end no page may have broken its CSP or thrown."""
    complaints: list[str] = []

    async def opened(url: str, context: BrowserContext | None = None, **options: Any) -> Page:
        options.setdefault("viewport", DESKTOP)
        page = await (context or await browser.new_context(**options)).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(complaint(message)))
        await page.goto(url)
        return page

    yield opened
    assert complaints == []


def complaint(message: ConsoleMessage) -> list[str]:
    """An error on the console, except the browser's own note that a connection failed: tests cut connections."""
    expected = "Failed to load resource" in message.text or "net::ERR" in message.text
    return [message.text] if message.type == "error" and not expected else []


async def chat_frame(page: Page) -> Frame:
    """The chat's frame inside the shop page, once it has its composer."""
    await page.locator("#replyx-widget iframe").wait_for(state="attached")
    await until(lambda: any("/chat/" in frame.url for frame in page.frames))
    (frame,) = [frame for frame in page.frames if "/chat/" in frame.url]
    await frame.get_by_role("textbox").wait_for()
    return frame


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return when the condition holds; TimeoutError at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is any expression over the fake's plain attributes
            await asyncio.sleep(0.02)


async def violations(frame: Frame) -> list[str]:
    """What axe-core finds in this frame (not its children), one line each."""
    await frame.evaluate(AXE.read_text())
    found = await frame.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
