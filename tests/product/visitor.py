"""A visitor of a site: the widget's API and its event stream, without a browser."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Event:
    """One server-sent event. `id` is "" for the ephemeral ones."""

    name: str
    id: str
    data: Any


@dataclass
class Stream:
    """An open event stream. `local_port` is our end of its connection."""

    response: aiohttp.ClientResponse
    local_port: int
    seen: list[Event] = field(default_factory=list)

    async def next(self) -> Event | None:
        """The next event; None at the end."""
        lines: list[str] = []
        while line := (await self.response.content.readline()).decode():
            if line.strip():
                lines.append(line.rstrip("\n"))
                continue
            if event := _parsed(lines):
                self.seen.append(event)
                return event
            lines = []
        return None

    async def until(self, name: str, seconds: float = ANSWER_SECONDS, **wanted: Any) -> Event:
        """The next event of this name whose data has these fields."""
        async with asyncio.timeout(seconds):
            while event := await self.next():
                if event.name == name and all(event.data.get(key) == value for key, value in wanted.items()):
                    return event
        raise ConnectionError("the stream ended")

    def messages(self, role: str) -> list[Any]:
        """The messages seen so far."""
        return [event.data for event in self.seen if event.name == "message" and event.data["role"] == role]

    def text(self, turn_id: str) -> str:
        """The deltas of a turn put together as a client does it."""
        text = ""
        for event in self.seen:
            if event.name == "delta" and event.data["turn_id"] == turn_id:
                offset = event.data["offset"]
                assert offset <= len(text), (offset, text)  # a snapshot may be ahead of a delta, never behind
                text = text[:offset] + event.data["text"]
        return text


@dataclass
class Visitor:
    """A person with the chat open. `session` is the answer to opening it."""

    http: aiohttp.ClientSession
    url: str
    site_key: str
    session: dict[str, Any]

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, url: str, site_key: str, *, locale: str = "en", token: str | None = None
    ) -> "Visitor":
        """Open the chat; `token` is that of an earlier session."""
        body = {"locale": locale, "visitor_token": token}
        async with http.post(f"{url}/api/widget/{site_key}/sessions", json=body) as response:
            session = await response.json()
            assert response.status == 200, session
        return cls(http, url, site_key, session)

    @property
    def dialog_id(self) -> str:
        """The visitor's one dialog."""
        return str(self.session["dialog_id"])

    @property
    def headers(self) -> dict[str, str]:
        """The visitor's token."""
        return {"Authorization": f"Bearer {self.session['visitor_token']}"}

    async def post(self, text: str, client_id: str | None = None) -> tuple[int, Any]:
        """Write; status and body of the answer."""
        body = {"client_id": client_id or str(uuid4()), "text": text}
        path = f"{self.url}/api/widget/{self.site_key}/messages"
        async with self.http.post(path, json=body, headers=self.headers) as response:
            return response.status, await response.json()

    async def write(self, text: str) -> str:
        """Write; returns the message's client id."""
        status, body = await self.post(text)
        assert status == 202, body
        return str(body["client_id"])

    @asynccontextmanager
    async def listen(self, *, since: int = 0, last_event_id: str = "") -> AsyncIterator[Stream]:
        """The event stream, once it has replayed what was missing."""
        headers = {**self.headers, **({"Last-Event-ID": last_event_id} if last_event_id else {})}
        async with self.http.get(
            f"{self.url}/events",
            params={"dialog": self.dialog_id, "since": str(since)},
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as response:
            assert response.status == 200, await response.text()
            transport = response.connection and response.connection.transport
            port = transport.get_extra_info("sockname")[1] if transport else 0
            stream = Stream(response, port)
            await stream.until("ready")
            yield stream

    async def ask(self, text: str) -> Any:
        """The assistant's message after this question."""
        async with self.listen(since=self.session["last_seq"]) as stream:
            client_id = await self.write(text)
            await stream.until("message", client_id=client_id)
            answer = (await stream.until("message", role="assistant")).data
            self.session["last_seq"] = answer["seq"]
            return answer

    async def transcript(self) -> list[Any]:
        """All messages, as a reload of the page gets them."""
        again = await Visitor.open(self.http, self.url, self.site_key, token=self.session["visitor_token"])
        assert again.dialog_id == self.dialog_id
        return list(again.session["messages"])


def _parsed(lines: list[str]) -> Event | None:
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
    if "event" not in fields:
        return None
    return Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
