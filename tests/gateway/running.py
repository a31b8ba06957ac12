"""A gateway on a free port in this process, started as the real one, and a client that speaks its API."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web

from domain.kit.settings import Settings
from gateway.app import create_app
from gateway.front import FrontSite
from gateway.server import shut_down
from gateway.services import Services, open_services
from gateway.sse.timing import Timing

FAST = Timing(heartbeat=0.1, poll=0.1, write_deadline=1.0)


@dataclass
class Answer:
    """A response, read."""

    status: int
    headers: Any
    json: Any
    text: str


@dataclass
class Gateway:
    """A running gateway."""

    url: str
    services: Services
    session: aiohttp.ClientSession
    runner: web.AppRunner
    site: web.BaseSite

    async def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        """One request."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **more
        ) as response:
            text = await response.text()
            is_json = response.content_type.endswith(("/json", "+json"))
            value = await response.json(content_type=None) if is_json and text else None
            return Answer(response.status, response.headers, value, text)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        """One request that must succeed; its JSON."""
        answer = await self.call(method, path, **more)
        assert answer.status < 300, answer.text
        return answer.json

    async def register(self, name: str = "ann") -> "Account":
        """A new owner of a new workspace."""
        email = f"{name}-{uuid4().hex[:8]}@example.com"
        body = {"email": email, "password": "correct horse battery", "name": name.title(), "workspace": f"{name}'s"}
        session = await self.ok("POST", "/api/auth/register", json=body)
        return Account(self, email, session["access_token"], UUID(session["workspace"]["tenant_id"]))


@dataclass
class Account:
    """A signed-in owner."""

    gateway: Gateway
    email: str
    token: str
    tenant_id: UUID
    ids: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        """One request with the account's token."""
        return await self.gateway.call(method, path, token=self.token, **more)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        """One that must succeed."""
        return await self.gateway.ok(method, path, token=self.token, **more)

    async def assistant(self, **more: Any) -> str:
        """A new assistant's id."""
        made = await self.ok("POST", "/api/assistants", json={"name": "Mia", **more})
        return str(made["id"])

    async def site(self, **more: Any) -> dict[str, Any]:
        """A new site for every origin."""
        body = {"name": "Shop", "assistant_id": await self.assistant(), "allowed_origins": ["*"], **more}
        made: dict[str, Any] = await self.ok("POST", "/api/sites", json=body)
        return made


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for it, ten seconds at most."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


@asynccontextmanager
async def running_gateway(settings: Settings, timing: Timing = FAST) -> AsyncIterator[Gateway]:
    """Start one; at the end it shuts down as the real one does."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings, timing=timing))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        runner = web.AppRunner(
            create_app(services), access_log=None, handler_cancellation=True, shutdown_timeout=2, keepalive_timeout=75
        )
        await runner.setup()
        site = FrontSite(runner, sock, services)
        await site.start()
        stack.push_async_callback(shut_down, runner, site, services)
        yield Gateway(f"http://127.0.0.1:{sock.getsockname()[1]}", services, session, runner, site)
