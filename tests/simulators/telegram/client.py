"""A plain Bot API client, and a webhook server that answers as a test tells it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web

from simulators.telegram import FakeClock, RunningSimulator
from simulators.telegram.model import Bot

Json = dict[str, Any]


class Stage:
    """One simulator on a clock that stands still, one bot, one person who has written to it."""

    def __init__(self, sim: RunningSimulator, clock: FakeClock, http: ClientSession) -> None:
        self.sim = sim
        self.clock = clock
        self.http = http
        self.bot: Bot = sim.add_bot(username="echo_bot", first_name="Echo")
        self.user = sim.add_user(first_name="Ann", username="ann")

    def start(self) -> None:
        """The person opens the chat; the queue is empty afterwards."""
        self.sim.say(self.bot, self.user, "/start")
        self.bot.queue.clear()

    async def call(self, name: str, /, **params: Any) -> Json:
        """The whole JSON answer of a method."""
        async with self.http.post(f"{self.sim.url}/bot{self.bot.token}/{name}", json=params) as response:
            data: Json = await response.json()
            assert response.status == (200 if data["ok"] else data["error_code"])
            return data

    async def result(self, name: str, /, **params: Any) -> Any:
        """The result of a call that succeeds."""
        data = await self.call(name, **params)
        assert data["ok"], data
        return data["result"]

    async def refusal(self, name: str, /, **params: Any) -> str:
        """The description of a call that is refused."""
        data = await self.call(name, **params)
        assert not data["ok"], data
        return str(data["description"])

    async def control(self, path: str, data: Json | None = None, status: int = 200) -> Any:
        """The control API: POST with `data`, else GET."""
        verb = "GET" if data is None else "POST"
        async with self.http.request(verb, f"{self.sim.url}/control/{path}", json=data) as response:
            assert response.status == status, await response.text()
            return await response.json()


class Hook:
    """A webhook server. `answers` are used up one a request; then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.received: asyncio.Queue[Json] = asyncio.Queue()
        self.headers: list[dict[str, str]] = []
        self.answers: list[web.Response] = []
        self.gates: dict[int, asyncio.Event] = {}

    async def handle(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.headers.append(dict(request.headers))
        self.received.put_nowait(update)
        chat = ((update.get("message") or {}).get("chat") or {}).get("id", 0)
        if chat in self.gates:
            await self.gates[chat].wait()
        return self.answers.pop(0) if self.answers else web.Response()

    async def next(self) -> Json:
        """The next update delivered."""
        return await asyncio.wait_for(self.received.get(), 10)


@asynccontextmanager
async def running_hook() -> AsyncIterator[Hook]:
    """A webhook server on a free port."""
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        for gate in hook.gates.values():
            gate.set()
        await runner.cleanup()
