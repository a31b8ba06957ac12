"""The shop's pages: rendered once at the start, one per language."""

import html
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from string import Template

from aiohttp import web

from simulators.shop.words import LANGUAGES, Goods, Words

FOLDER = Path(__file__).parent
Handler = Callable[[web.Request], Awaitable[web.Response]]


def create_app(*, gateway: str, site_key: str) -> web.Application:
    """The application. `gateway` is the address that serves `/widget.js`, `site_key` the site the widget belongs to."""
    app = web.Application()
    for code, words in LANGUAGES.items():
        page = render(words, gateway=gateway.rstrip("/"), site_key=site_key)
        app.router.add_get(f"/{code}", _sends(page, "text/html"))
    app.router.add_get("/shop.css", _sends((FOLDER / "pages" / "shop.css").read_text(), "text/css"))
    app.router.add_get("/health", _sends("ok", "text/plain"))
    app.router.add_get("/", _home)
    return app


@asynccontextmanager
async def running_shop(*, gateway: str, site_key: str, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Run the shop inside this loop (port 0: any free one); gives its address."""
    app = create_app(gateway=gateway, site_key=site_key)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def render(words: Words, *, gateway: str, site_key: str) -> str:
    """The whole page in one language."""
    fields = {key: html.escape(text) for key, text in asdict(words).items() if isinstance(text, str)}
    return _template("shop.html").substitute(
        fields,
        mark=_art("mark"),
        scene=_art("scene"),
        trail=_cards(words, "trail"),
        home=_cards(words, "home"),
        promises="".join(f"<li><b>{html.escape(a)}</b><span>{html.escape(b)}</span></li>" for a, b in words.promises),
        stores="".join(f"<li><b>{html.escape(a)}</b><span>{html.escape(b)}</span></li>" for a, b in words.stores),
        gateway=html.escape(gateway),
        site_key=html.escape(site_key),
    )


def _cards(words: Words, shelf: str) -> str:
    return "\n".join(_card(goods) for goods in words.goods if goods.shelf == shelf)


def _card(goods: Goods) -> str:
    texts = {key: html.escape(text) for key, text in asdict(goods).items()}
    return _template("card.html").substitute(texts, drawing=_art(goods.art))


def _template(name: str) -> Template:
    return Template((FOLDER / "pages" / name).read_text())


def _art(name: str) -> str:
    return (FOLDER / "art" / f"{name}.svg").read_text().strip()


def _sends(text: str, content_type: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type, charset="utf-8")

    return handler


async def _home(request: web.Request) -> web.Response:
    """To the visitor's language: Russian when the browser asks for it first, else English."""
    wanted = request.headers.get("Accept-Language", "")
    raise web.HTTPFound("/ru" if wanted.lower().startswith("ru") else "/en")
