"""Dialogs as the shards make them, and a client of the event stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import orjson

from domain.bus import DialogEvent, events_channel
from domain.dialogs import DialogLog, LockedDialog, MessageDraft, Opening
from domain.dialogs.opening import lock_or_open
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of
from gateway.services import Services
from tests.gateway.running import Gateway

DEADLINE = 60.0  # seconds a test waits for anything


@dataclass
class WebDialog:
    """A dialog of a site's visitor, written to as a shard does."""

    services: Services
    tenant_id: UUID
    dialog_id: UUID
    assistant_id: UUID

    async def say(self, text: str, *, role: Any = "customer", publish: bool = True, **more: Any) -> DialogEvent:
        """Append a message; it is published after the commit unless `publish` is False (a lost signal)."""
        return await self.change(
            lambda log, dialog: log.append(dialog, MessageDraft(id=uuid7(), role=role, text=text, **more)), publish
        )

    async def set_mode(self, mode: Any, *, publish: bool = True) -> DialogEvent:
        """Change who answers."""
        return await self.change(lambda log, dialog: log.set_mode(dialog, mode, reason="asked"), publish)

    async def change(self, write: Any, publish: bool = True) -> DialogEvent:
        """One transaction on the log; its one event."""
        async with self.services.db.tenant_tx(self.tenant_id) as conn:
            locked = (await lock_or_open(conn, [self._opening()]))[self._opening().key]
            assert isinstance(locked, LockedDialog)
            log = DialogLog(conn)
            log.adopt([locked])
            write(log, locked)
            [event] = await log.flush()
        if publish:
            await self.publish(event)
        return event

    async def publish(self, *signals: Any) -> None:
        """Put signals on the dialog's channel."""
        await self.services.publisher.publish([(events_channel(self.slot), signal) for signal in signals])

    @property
    def slot(self) -> int:
        """The dialog's slot."""
        return slot_of(self.dialog_id)

    def _opening(self) -> Opening:
        return Opening(
            tenant_id=self.tenant_id,
            channel="web",
            source=str(self.tenant_id),
            address=str(self.dialog_id),
            dialog_id=self.dialog_id,
            slot=self.slot,
            assistant_id=self.assistant_id,
            external_id=str(self.dialog_id),
        )


@dataclass
class Visit:
    """A visitor with an open chat."""

    gateway: Gateway
    site: dict[str, Any]
    session: dict[str, Any]
    dialog: WebDialog

    @property
    def token(self) -> str:
        """The visitor's token."""
        return str(self.session["visitor_token"])

    async def send(self, text: str, client_id: str | None = None) -> Any:
        """Write a message."""
        body = {"client_id": client_id or str(uuid4()), "text": text}
        path = f"/api/widget/{self.site['site_key']}/messages"
        return await self.gateway.call("POST", path, token=self.token, json=body)

    def follow(self, *, since: int = 0, last_event_id: str | None = None, gateway: Gateway | None = None) -> Any:
        """Open the event stream, on another gateway if asked."""
        return follow(
            gateway or self.gateway,
            str(self.session["dialog_id"]),
            token=self.token,
            since=since,
            last_event_id=last_event_id,
        )


async def visit(gateway: Gateway) -> Visit:
    """A new tenant, its site, and a visitor there."""
    account = await gateway.register()
    site = await account.site()
    session = await gateway.ok("POST", f"/api/widget/{site['site_key']}/sessions", json={"locale": "ru"})
    dialog = WebDialog(gateway.services, account.tenant_id, UUID(session["dialog_id"]), UUID(site["assistant_id"]))
    return Visit(gateway, site, session, dialog)


@dataclass
class Sse:
    """One event of the wire; a comment has the name ":"."""

    name: str
    data: Any
    id: str | None


class EventStream:
    """Reads a text/event-stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.seen: list[Sse] = []

    async def next(self) -> Sse | None:
        """The next block, None at the end."""
        async with asyncio.timeout(DEADLINE):
            lines: list[str] = []
            async for raw in self.response.content:
                line = raw.decode().rstrip("\n")
                if line:
                    lines.append(line)
                elif lines:
                    self.seen.append(_parsed(lines))
                    return self.seen[-1]
        return None

    async def until(self, *names: str) -> Sse:
        """Read until an event of one of these names."""
        while (event := await self.next()) is not None:
            if event.name in names:
                return event
        raise AssertionError(f"the stream ended before {names}: {self.seen}")

    async def to_the_end(self) -> list[Sse]:
        """Everything until the server closes."""
        while await self.next() is not None:
            pass
        return self.seen


@asynccontextmanager
async def follow(
    gateway: Gateway, dialog_id: str, *, token: str, since: int = 0, last_event_id: str | None = None
) -> AsyncIterator[EventStream]:
    """An open event stream."""
    headers = {"Authorization": f"Bearer {token}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    url = f"{gateway.url}/events?dialog={dialog_id}&since={since}"
    async with gateway.session.get(url, headers=headers) as response:
        assert response.status == 200, await response.text()
        yield EventStream(response)


def _parsed(lines: list[str]) -> Sse:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
    if "" in fields:
        return Sse(":", fields[""], None)
    if "retry" in fields:
        return Sse("retry", int(fields["retry"]), None)
    return Sse(fields["event"], orjson.loads(fields["data"]), fields.get("id"))
