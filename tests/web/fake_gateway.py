"""The widget's side of the gateway, played by the test: same routes, same headers, one dialog per visitor token.

The shop page is on another port, so the frame is cross-origin as it is in life. Offsets count code points.
"""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

STATIC = Path(__file__).parents[2] / "gateway" / "static" / "widget"
SITE = "demo-site"
CREATED = "2026-03-01T10:00:00Z"
Event = dict[str, Any]


@dataclass
class Dialog:
    """One visitor's dialog: the durable log, the running turn, and the streams that listen."""

    id: str
    messages: list[Event] = field(default_factory=list)
    log: list[tuple[int, str, Event]] = field(default_factory=list)
    mode: str = "ai"
    turn: tuple[str, str] | None = None
    listeners: list[asyncio.Queue[bytes | None]] = field(default_factory=list)


class FakeGateway:
    """Start it, open `shop_url` or `chat_url`, then speak as the server. One dialog is enough for a test: `dialog`."""

    def __init__(self) -> None:
        self.dialogs: dict[str, Dialog] = {}
        self.posts: list[Event] = []
        self.sessions: list[Event] = []
        self.resumed_from: list[str] = []
        self.down = False  # True: API and stream connections are cut without an answer
        self.locale = "en"
        self.accent = "#4f46e5"
        self.greeting = "Hello. Ask me about orders, delivery and **returns**."
        self.suggestions = ["How do I return an item?", "When will my order arrive?", "Is there a warranty?"]
        self._runners: list[web.AppRunner] = []
        self._transports: set[asyncio.Transport] = set()
        self.url = ""
        self.shop_url = ""
        self.posted = asyncio.Event()

    @property
    def dialog(self) -> Dialog:
        """The dialog of the only visitor."""
        (dialog,) = self.dialogs.values()
        return dialog

    @property
    def chat_url(self) -> str:
        """The full-page chat."""
        return f"{self.url}/chat/{SITE}"

    async def start(self) -> None:
        """Listen on two free ports: the gateway's and the shop's."""
        app = web.Application()
        app.router.add_get("/widget.js", self._loader)
        app.router.add_get("/chat/{site}", self._chat)
        app.router.add_static("/static/widget", STATIC)
        app.router.add_post("/api/widget/{site}/sessions", self._session)
        app.router.add_post("/api/widget/{site}/messages", self._message)
        app.router.add_get("/events", self._events)
        self.url = await self._listen(app)
        shop = web.Application()
        shop.router.add_get("/", self._shop)
        self.shop_url = await self._listen(shop)

    async def stop(self) -> None:
        """End the streams first: a handler that waits would hold the shutdown."""
        for dialog in self.dialogs.values():
            for queue in dialog.listeners:
                queue.put_nowait(None)
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, app: web.Application) -> str:
        runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    # -- what the test does as the server ------------------------------------------------------------------------

    def kill_streams(self) -> None:
        """Cut every open event stream in the middle, as a dying process does."""
        for transport in self._transports:
            transport.abort()
        self._transports.clear()

    def start_turn(self, turn_id: str) -> None:
        self.dialog.turn = (turn_id, "")
        self.publish("turn", {"turn_id": turn_id, "state": "started"})

    def delta(self, text: str) -> None:
        assert self.dialog.turn is not None
        turn_id, before = self.dialog.turn
        self.dialog.turn = (turn_id, before + text)
        self.publish("delta", {"turn_id": turn_id, "offset": len(before), "text": text})

    def finish_turn(self, citations: list[Event] | None = None, text: str | None = None) -> None:
        assert self.dialog.turn is not None
        turn_id, said = self.dialog.turn
        self.dialog.turn = None
        self.say("assistant", said if text is None else text, citations=citations or [], turn_id=turn_id)
        self.publish("turn", {"turn_id": turn_id, "state": "done"})

    def say(self, role: str, text: str, **more: Any) -> None:
        """Append a message and publish it."""
        seq = self._next_seq()
        message: Event = {
            "seq": seq,
            "id": str(uuid.uuid4()),
            "role": role,
            "text": text,
            "citations": [],
            "client_id": None,
        }
        message |= {
            "turn_id": None,
            "delivery": "none",
            "verified": False,
            "author": None,
            "created_at": CREATED,
        } | more
        self.dialog.messages.append(message)
        self._durable(seq, "message", message)

    def set_mode(self, mode: str) -> None:
        self.dialog.mode = mode
        seq = self._next_seq()
        self._durable(seq, "mode", {"seq": seq, "mode": mode})

    def operator_types(self, name: str) -> None:
        self.publish("typing", {"who": "operator", "name": name})

    def _next_seq(self) -> int:
        return len(self.dialog.log) + 1

    def _durable(self, seq: int, name: str, data: Event) -> None:
        self.dialog.log.append((seq, name, data))
        self.publish(name, data, event_id=f"{self.dialog.id}:{seq}")

    def publish(self, name: str, data: Event, event_id: str | None = None) -> None:
        """Send to the open streams and keep nothing."""
        for queue in self.dialog.listeners:
            queue.put_nowait(frame(name, data, event_id))

    # -- routes --------------------------------------------------------------------------------------------------

    async def _loader(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "loader.js", headers={"Content-Type": "text/javascript"})

    async def _shop(self, _: web.Request) -> web.Response:
        script = f'<script src="{self.url}/widget.js" data-site="{SITE}" data-locale="{self.locale}" async></script>'
        hostile = "<style>button { display: none !important } iframe { width: 3px !important }</style>"
        body = f"<main><h1>Lamp shop</h1><p>Warm light, made to last.</p></main>{script}{script}"
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop</title>'
        text = f'<!doctype html><html lang="en"><head>{head}{hostile}</head><body>{body}</body></html>'
        return web.Response(text=text, content_type="text/html")

    async def _chat(self, _: web.Request) -> web.Response:
        version = json.loads((STATIC / "manifest.json").read_text())
        css, script = (f"/static/widget/{name}?v={version[name]}" for name in ("chat.css", "chat.js"))
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, viewport-fit=cover">'
        head += f'<title>Chat</title><link rel="stylesheet" href="{css}"><script type="module" src="{script}"></script>'
        body = f'<div id="replyx" data-site="{SITE}"></div>'
        text = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
        policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        policy += f"base-uri 'none'; form-action 'none'; frame-ancestors 'self' {self.shop_url}"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _session(self, request: web.Request) -> web.Response:
        self._refuse_if_down(request)
        asked = await request.json()
        self.sessions.append(asked)
        token = asked.get("visitor_token")
        if token not in self.dialogs:
            token = str(uuid.uuid4())
            self.dialogs[token] = Dialog(id=str(uuid.uuid4()))
        dialog = self.dialogs[token]
        return web.json_response(
            {
                "visitor_token": token,
                "dialog_id": dialog.id,
                "locale": self.locale,
                "assistant": {"name": "Lumi"},
                "greeting": self.greeting,
                "suggestions": self.suggestions,
                "theme": {"accent": self.accent, "position": "right"},
                "mode": dialog.mode,
                "last_seq": len(dialog.log),
                "messages": dialog.messages,
            }
        )

    async def _message(self, request: web.Request) -> web.Response:
        self._refuse_if_down(request)
        self._dialog_of(request)
        body = await request.json()
        known = any(message["client_id"] == body["client_id"] for message in self.dialog.messages)
        self.posts.append(body)
        if not known:
            self.say("customer", body["text"], client_id=body["client_id"])
        self.posted.set()
        return web.json_response({"client_id": body["client_id"]}, status=202)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._refuse_if_down(request)
        dialog = self._dialog_of(request)
        since = int(request.headers["Last-Event-ID"].rpartition(":")[2])
        self.resumed_from.append(request.headers["Last-Event-ID"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        await response.prepare(request)
        dialog.listeners.append(queue)
        if isinstance(request.transport, asyncio.Transport):
            self._transports.add(request.transport)
        try:
            await response.write(b"retry: 150\n\n" + self._replay(dialog, since))
            while (chunk := await queue.get()) is not None:
                await response.write(chunk)
        except ConnectionError:
            pass  # cut by kill_streams() or closed by the browser
        finally:
            dialog.listeners.remove(queue)
        return response

    def _replay(self, dialog: Dialog, since: int) -> bytes:
        parts = [frame(name, data, f"{dialog.id}:{seq}") for seq, name, data in dialog.log if seq > since]
        if dialog.turn is not None:
            turn_id, text = dialog.turn
            parts.append(frame("turn", {"turn_id": turn_id, "state": "started"}))
            parts.append(frame("delta", {"turn_id": turn_id, "offset": 0, "text": text}))
        return b"".join([*parts, frame("ready", {"last_seq": len(dialog.log)})])

    def _dialog_of(self, request: web.Request) -> Dialog:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.dialogs:
            raise web.HTTPUnauthorized
        return self.dialogs[token]

    def _refuse_if_down(self, request: web.Request) -> None:
        if self.down and request.transport is not None:
            request.transport.abort()
            raise web.HTTPServiceUnavailable


def frame(name: str, data: Event, event_id: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
