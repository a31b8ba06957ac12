"""The application, and a running instance of it for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from simulators.telegram.call_log import ApiCall
from simulators.telegram.clock import Clock
from simulators.telegram.connections import Site
from simulators.telegram.control import Control, control_routes
from simulators.telegram.control_acts import Acts, act_routes
from simulators.telegram.control_groups import GroupRoutes, group_routes
from simulators.telegram.control_limits import LimitRoutes, limit_routes
from simulators.telegram.core import Core, Options
from simulators.telegram.dispatch import answer_download, answer_request, run_webhook_reply
from simulators.telegram.faults import Fault
from simulators.telegram.model import Bot, StoredMessage
from simulators.telegram.people import People
from simulators.telegram.transcript import transcript

Json = dict[str, Any]

CORE = web.AppKey("core", Core)
MAX_BODY = 64 * 1024 * 1024
_STATIC = Path(__file__).parent / "static"
_POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'"


def create_app(options: Options | None = None, clock: Clock | None = None) -> web.Application:
    """The simulator as an aiohttp application; its state is at `app[CORE]`."""
    core = Core(options or Options(), clock)
    app = web.Application(client_max_size=MAX_BODY)
    app[CORE] = core

    async def api(request: web.Request) -> web.StreamResponse:
        return await answer_request(core, request)

    async def download(request: web.Request) -> web.StreamResponse:
        return await answer_download(core, request)

    for verb in ("GET", "POST"):
        app.router.add_route(verb, "/bot{token:[^/]*}/{method:[^/]*}", api)
    app.router.add_get("/file/bot{token:[^/]*}/{path:.+}", download)
    control = Control(core, People(core))
    app.add_routes(control_routes(control))
    app.add_routes(act_routes(Acts(control)))
    app.add_routes(group_routes(GroupRoutes(control)))
    app.add_routes(limit_routes(LimitRoutes(control)))
    app.add_routes(_page_routes())
    core.webhooks.run_reply = lambda bot, answer: run_webhook_reply(core, bot, answer)
    app.on_shutdown.append(_stop)
    return app


def _page_routes() -> list[web.AbstractRouteDef]:
    async def page(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_STATIC / "index.html", headers={"Content-Security-Policy": _POLICY})

    async def healthy(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    return [web.get("/", page), web.get("/health", healthy), web.static("/static", _STATIC)]


async def _stop(app: web.Application) -> None:
    core = app[CORE]
    core.hub.close()
    core.waits.end()
    await core.webhooks.close()


class RunningSimulator:
    """A simulator that listens on `url`, driven from the same process."""

    def __init__(self, url: str, core: Core) -> None:
        self.url = url
        self.core = core
        self.world = core.world
        self.people = People(core)

    def add_bot(self, token: str = "", **fields: str) -> Bot:
        """Create a bot (fields: username, first_name)."""
        return self.world.add_bot(token, **fields)

    def add_user(self, user_id: int = 0, **fields: Any) -> int:
        """Create a person; the id."""
        return int(self.world.add_user(user_id, **fields)["id"])

    def say(self, bot: Bot, user_id: int, text: str, **extra: Any) -> Json:
        """A person writes to a bot; the message."""
        return self.people.say(bot, user_id, text, **extra)

    def fault(self, method: str, action: str, **fields: Any) -> Fault:
        """Script a fault (fields as in `Fault`)."""
        return self.core.faults.add(Fault(method, action, **fields))

    def calls(self, method: str = "", bot: Bot | None = None) -> list[ApiCall]:
        """The calls of a method so far."""
        return self.core.calls.select(method=method, bot_id=bot.id if bot else 0)

    def messages(self, bot: Bot, chat_id: int) -> list[StoredMessage]:
        """The messages of a chat that were not deleted, oldest first."""
        chat = self.world.chat(bot, chat_id)
        return [m for m in chat.messages.values() if m.deleted_at is None] if chat else []

    def answers(self, bot: Bot, chat_id: int) -> list[str]:
        """The texts the bot sent to a chat."""
        return [m.message.get("text", "") for m in self.messages(bot, chat_id) if m.outgoing]

    def transcript(self, bot: Bot, chat_id: int) -> Json:
        """The chat with edits and previews, as the control API shows it."""
        chat = self.world.chat(bot, chat_id)
        if chat is None:
            raise LookupError(f"bot {bot.id} has no chat {chat_id}")
        return transcript(self.world, chat)

    async def wait_for(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait until `condition()` is true (looked at after every change); its value. TimeoutError otherwise."""
        async with asyncio.timeout(seconds):
            while True:
                changed = self.core.hub.changed()
                value = condition()
                if value:
                    return value
                await changed.wait()


@asynccontextmanager
async def running_simulator(
    options: Options | None = None, clock: Clock | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RunningSimulator]:
    """Run a simulator on a free port for the length of the block."""
    app = create_app(options, clock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await Site(runner, app[CORE].wires, host, port).start()
        bound = runner.addresses[0]
        yield RunningSimulator(f"http://{bound[0]}:{bound[1]}", app[CORE])
    finally:
        await runner.cleanup()
