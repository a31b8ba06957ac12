"""The shop's page: both languages, the widget's tag, and prices that agree with the knowledge base."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from simulators.shop import running_shop
from simulators.shop.words import LANGUAGES

KNOWLEDGE = Path(__file__).parents[2] / "ops" / "demo" / "knowledge"


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with (
        running_shop(gateway="http://gateway.test:8080/", site_key='key"1') as url,
        ClientSession(url) as session,
    ):
        yield session


async def read(http: ClientSession, path: str) -> str:
    async with http.get(path) as response:
        assert response.status == 200
        return await response.text()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_page_carries_the_widget_in_its_language(http: ClientSession, lang: str) -> None:
    page = await read(http, f"/{lang}")
    assert f'<html lang="{lang}">' in page
    tag = f'src="http://gateway.test:8080/widget.js" data-site="key&quot;1" data-locale="{lang}" async'
    assert tag in page
    assert page.count('class="card"') == 8
    assert "$" not in page


@pytest.mark.parametrize(("wanted", "lang"), [("ru-RU,ru;q=0.9", "ru"), ("en-GB", "en"), ("de", "en"), ("", "en")])
async def test_home_goes_to_the_visitors_language(http: ClientSession, wanted: str, lang: str) -> None:
    async with http.get("/", headers={"Accept-Language": wanted}, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, f"/{lang}")


async def test_nothing_is_loaded_from_elsewhere(http: ClientSession) -> None:
    page = await read(http, "/en") + await read(http, "/shop.css")
    assert set(re.findall(r'(?:src|href)="(http[^"]*)"|url\(([^)]*)\)', page)) == {
        ("http://gateway.test:8080/widget.js", "")
    }


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_prices_are_those_of_the_knowledge_base(lang: str) -> None:
    text = (KNOWLEDGE / f"catalogue-{lang}.md").read_text()
    for goods in LANGUAGES[lang].goods:
        assert goods.name in text
        assert re.sub(r"[^\d, ]", "", goods.price).strip() in text
