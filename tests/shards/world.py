"""A tenant, an echo or answering assistant, bots and sites in the database of a test, and workers over it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.bus import Publisher
from domain.dialogs.web import WebMessage
from domain.inbox import Arrival, InboxWriter
from domain.kit.db import Database, Row
from domain.kit.ids import uuid7
from domain.kit.redis import connect
from domain.kit.sealing import create_key_file, load_keyring
from domain.kit.settings import Settings
from domain.kit.slots import SLOTS, slot_of, slot_of_bot
from shards.process import listening, open_clients
from shards.worker import Worker

DEADLINE = 60.0  # seconds a test waits for a thing before it fails


async def until(check: Callable[[], Awaitable[Any]], what: str, *, seconds: float = DEADLINE) -> Any:
    """Wait until `check` returns something true; fail with `what` at the deadline."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := await check()):
                await asyncio.sleep(0.02)
            return found
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s for: {what}") from None


@dataclass
class Sink:
    """A Bot API that takes everything: (bot token, method, payload) in order of arrival."""

    url: str = ""
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)  # when each call arrived, on the loop's clock
    updates: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # for getUpdates, by bot
    polls: list[tuple[int, int]] = field(default_factory=list)  # (bot, offset) of every getUpdates
    answer: Callable[[str, dict[str, Any]], Awaitable[web.StreamResponse | None]] | None = None

    def texts(self) -> list[str]:
        """What was sent to people."""
        return [payload["text"] for payload in self.sends()]

    def sends(self) -> list[dict[str, Any]]:
        """The payloads of every sendMessage."""
        return [payload for _, method, payload in self.calls if method == "sendMessage"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any method of any bot."""
        method = request.match_info["method"]
        payload = orjson.loads(await request.read() or b"{}")
        if method != "getUpdates":
            self.calls.append((request.match_info["token"], method, payload))
            self.at.append(asyncio.get_running_loop().time())
        if self.answer is not None and (given := await self.answer(method, payload)) is not None:
            return given
        if method == "getUpdates":
            return await self._get_updates(int(request.match_info["token"].partition(":")[0]), payload)
        result: Any = {"message_id": len(self.calls)} if method == "sendMessage" else True
        return web.json_response({"ok": True, "result": result})

    async def _get_updates(self, bot_id: int, payload: dict[str, Any]) -> web.StreamResponse:
        offset = payload.get("offset", 0)
        self.polls.append((bot_id, offset))
        waiting = [update for update in self.updates.get(bot_id, []) if update["update_id"] >= offset]
        self.updates[bot_id] = waiting  # what is below the offset is acknowledged
        if not waiting:
            await asyncio.sleep(0.1)
        return web.json_response({"ok": True, "result": waiting})


def refusal(code: int, description: str, **parameters: Any) -> web.Response:
    """What Telegram answers when it says no."""
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return web.json_response(body, status=code)


@asynccontextmanager
async def running_sink() -> AsyncIterator[Sink]:
    """A sink on a free port."""
    sink = Sink()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", sink.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield sink
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_worker(settings: Settings, program: str = "shard-00") -> AsyncIterator[Worker]:
    """A worker in this process, drained at the end."""
    async with open_clients(settings, name=program) as clients:
        worker = Worker(settings, clients, program=program)
        async with listening(settings, worker):
            try:
                await worker.start()
                yield worker
                await worker.drain()
            finally:
                await worker.close()


def message(number: int, text: str, *, chat: int = 77, sender: int | None = None) -> dict[str, Any]:
    """A Message object."""
    person = {"id": sender or abs(chat), "is_bot": False, "first_name": "Anna", "language_code": "en"}
    kind = "private" if chat > 0 else "supergroup"
    return {"message_id": number, "date": 1, "chat": {"id": chat, "type": kind}, "from": person, "text": text}


async def shared(*workers: Worker) -> None:
    """Wait until these workers hold all slots between them, each a part."""

    async def settled() -> bool:
        held = [worker.ownership.held for worker in workers]
        return all(held) and sum(map(len, held)) == SLOTS

    await until(settled, "the slots to be shared")


async def answered(tenants: Iterable["Tenant"], expected: list[str]) -> None:
    """Wait until each of the tenants' dialogs answered these questions, and see that none was answered twice."""
    for tenant in tenants:

        async def all_there(tenant: "Tenant" = tenant) -> bool:
            return len(await tenant.lines()) >= len(expected)

        await until(all_there, "every question to be answered")
        assert await tenant.lines() == sorted(expected)


@dataclass
class Tenant:
    """One tenant of a test."""

    world: "World"
    id: UUID
    assistant_id: UUID
    site_id: UUID = field(default_factory=uuid4)

    async def add_bot(self, bot_id: int, *, mode: str = "polling") -> None:
        """Connect a bot whose token is `<id>:<35 letters>`."""
        world = self.world
        async with world.db.tenant_tx(self.id) as conn:
            await bots.add(
                conn,
                world.keyring,
                tenant_id=self.id,
                assistant_id=self.assistant_id,
                token=f"{bot_id}:{'A' * 35}",
                me=Identity(bot_id, f"bot{bot_id}", "Bot"),
                mode=mode,  # type: ignore[arg-type]
            )

    async def telegram(self, bot_id: int, update_id: int, message: dict[str, Any]) -> None:
        """An update arrives."""
        raw = orjson.dumps({"update_id": update_id, "message": message})
        await self.world.writer.put(Arrival(self.id, slot_of_bot(bot_id), "telegram", str(bot_id), str(update_id), raw))

    async def write(self, bot_id: int, update_id: int, text: str, *, chat: int = 77, sender: int | None = None) -> None:
        """A customer writes in a private chat, or (a negative id) in a group."""
        await self.telegram(bot_id, update_id, message(update_id, text, chat=chat, sender=sender))

    async def delivery(self) -> list[tuple[str, str]]:
        """(text, delivery) of the assistant's messages in order."""
        rows = await self.rows(
            "SELECT text, delivery FROM messages WHERE tenant_id = $1 AND role <> 'customer' ORDER BY dialog_id, seq",
            self.id,
        )
        return [(row["text"], row["delivery"]) for row in rows]

    async def lines(self) -> list[str]:
        """Every answered question once for each time it was answered, sorted."""
        return sorted("\n".join(await self.answers()).split("\n")) if await self.answers() else []

    async def ask_on_site(self, dialog_id: UUID, text: str, *, client_id: str | None = None) -> None:
        """A visitor writes in the widget."""
        client_id = client_id or str(uuid4())
        message = WebMessage(dialog_id, self.site_id, self.assistant_id, "visitor", client_id, text, "en")
        await self.world.writer.put(
            Arrival(self.id, slot_of(dialog_id), "web", str(dialog_id), client_id, message.to_bytes())
        )

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        """Rows, read as the worker role."""
        async with self.world.db.worker_tx() as conn:
            return await conn.fetch(sql, *arguments)

    async def answers(self) -> list[str]:
        """The assistant's messages in order."""
        rows = await self.rows(
            "SELECT text FROM messages WHERE tenant_id = $1 AND role = 'assistant' ORDER BY dialog_id, seq", self.id
        )
        return [row["text"] for row in rows]


class World:
    """What the tests share."""

    def __init__(self, db: Database, settings: Settings, writer: InboxWriter) -> None:
        self.db = db
        self.settings = settings
        self.writer = writer
        self.keyring = load_keyring(settings.key_file)

    async def add_tenant(self, *, mode: str = "echo") -> Tenant:
        """A tenant with one assistant."""
        tenant = Tenant(self, uuid7(), uuid7())
        async with self.db.tenant_tx(tenant.id) as conn:
            await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", tenant.id)
            await conn.execute(
                "INSERT INTO assistants (tenant_id, id, name, mode) VALUES ($1, $2, 'A', $3)",
                tenant.id,
                tenant.assistant_id,
                mode,
            )
        return tenant


@asynccontextmanager
async def open_world(db: Database, settings: Settings) -> AsyncIterator[World]:
    """The world of one test."""
    settings.key_file.parent.mkdir(parents=True, exist_ok=True)
    create_key_file(settings.key_file)
    redis = connect(settings.redis_dsn)
    writer = InboxWriter(db.app_tx, Publisher(redis))
    writer.start()
    try:
        yield World(db, settings, writer)
    finally:
        await writer.close()
        await redis.aclose()
