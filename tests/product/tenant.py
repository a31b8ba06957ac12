"""A workspace over the REST API."""

import io
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from tests.ops.waiting import until

DEMO_EMAIL, DEMO_PASSWORD = "demo@replyx.example", "pine-compass-demo"


@dataclass(frozen=True)
class Reply:
    """An answer of the API, read. `body` is its JSON, or None."""

    status: int
    body: Any
    content_type: str


@dataclass
class Tenant:
    """Somebody signed in to a workspace. `assistant_id` and `site_key` are of the first ones."""

    http: aiohttp.ClientSession
    url: str
    token: str
    tenant_id: str
    assistant_id: str = ""
    site_key: str = ""

    @classmethod
    async def register(cls, http: aiohttp.ClientSession, url: str, name: str) -> "Tenant":
        """A new owner of a new workspace with an assistant and a site."""
        body = {"email": f"{name}-{uuid4().hex[:8]}@example.com", "password": "correct horse battery"}
        body |= {"name": name.title(), "workspace": f"{name}'s shop"}
        tenant = await cls._signed_in(http, url, "register", body)
        tenant.assistant_id = (await tenant.ok("POST", "/api/assistants", json={"name": f"{name}'s assistant"}))["id"]
        site = {"name": name, "assistant_id": tenant.assistant_id, "allowed_origins": ["*"]}
        tenant.site_key = (await tenant.ok("POST", "/api/sites", json=site))["site_key"]
        return tenant

    @classmethod
    async def demo(cls, http: aiohttp.ClientSession, url: str) -> "Tenant":
        """The demo's own workspace."""
        tenant = await cls._signed_in(http, url, "login", {"email": DEMO_EMAIL, "password": DEMO_PASSWORD})
        site = (await tenant.ok("GET", "/api/sites"))["items"][0]
        tenant.assistant_id, tenant.site_key = site["assistant_id"], site["site_key"]
        return tenant

    @classmethod
    async def _signed_in(cls, http: aiohttp.ClientSession, url: str, how: str, body: dict[str, str]) -> "Tenant":
        async with http.post(f"{url}/api/auth/{how}", json=body) as response:
            session = await response.json()
            assert response.status < 300, session
        return cls(http, url, session["access_token"], session["workspace"]["tenant_id"])

    def on(self, http: aiohttp.ClientSession) -> "Tenant":
        """The same person with another HTTP session."""
        return Tenant(http, self.url, self.token, self.tenant_id, self.assistant_id, self.site_key)

    async def call(self, method: str, path: str, **more: Any) -> Reply:
        """One request."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **more) as response:
            body = await response.json(content_type=None) if "json" in response.content_type else None
            return Reply(response.status, body, response.content_type)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        """One request that must succeed; its JSON."""
        reply = await self.call(method, path, **more)
        assert reply.status < 300, reply.body
        return reply.body

    async def upload(self, file_name: str, data: bytes, **fields: str) -> Reply:
        """Add a document."""
        form = aiohttp.FormData({"assistant_id": self.assistant_id, **fields})
        form.add_field("file", io.BytesIO(data), filename=file_name, content_type="application/octet-stream")
        return await self.call("POST", "/api/documents", data=form)

    async def read(self, document_id: str) -> Any:
        """The document once a worker has read it, or given up."""
        found: Any = None

        async def settled() -> bool:
            nonlocal found
            found = await self.ok("GET", f"/api/documents/{document_id}")
            return found["state"] in {"ready", "failed"}

        await until(settled, seconds=60)
        return found

    async def teach(self, file_name: str, text: str) -> str:
        """Add a document and wait until it can be searched; its id."""
        added = await self.upload(file_name, text.encode())
        assert added.status == 201, added.body
        document = await self.read(added.body["id"])
        assert document["state"] == "ready", document
        return str(document["id"])

    async def add_bot(self, token: str, mode: str = "polling") -> Any:
        """Connect a Telegram bot to the first assistant."""
        body = {"token": token, "assistant_id": self.assistant_id, "mode": mode}
        return await self.ok("POST", "/api/bots", json=body)

    async def dialog_of(self, dialog_id: str) -> Any:
        """A dialog as the console reads it."""
        return await self.ok("GET", f"/api/dialogs/{dialog_id}")
