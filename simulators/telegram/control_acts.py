"""Control routes for what people do, and the live stream of events."""

import asyncio
import base64
from typing import Any

from aiohttp import BodyPartReader, web

from simulators.telegram.contents import KINDS_OF_CONTENT, sample_content
from simulators.telegram.control import Control, ControlError, Handler, body_of, guarded, reply

Json = dict[str, Any]

HEARTBEAT = 15.0
_TINY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_DEFAULT_FILES = {
    "photo": ("photo.png", "image/png", _TINY_PNG),
    "voice": ("voice.oga", "audio/ogg", b"OggS" + bytes(60)),
    "audio": ("audio.mp3", "audio/mpeg", b"ID3" + bytes(61)),
    "video": ("video.mp4", "video/mp4", bytes(64)),
    "document": ("document.txt", "text/plain", b"A document.\n"),
    "animation": ("fun.mp4", "video/mp4", bytes(64)),
    "sticker": ("sticker.webp", "image/webp", b"RIFF" + bytes(4) + b"WEBP" + bytes(52)),
    "video_note": ("note.mp4", "video/mp4", bytes(64)),
}


def sample_file(data: Json) -> tuple[str, str, bytes]:
    """Name, MIME type and bytes of a small file of `data["kind"]`. ControlError for an unknown kind."""
    kind = str(data.get("kind", "document"))
    if kind not in _DEFAULT_FILES:
        raise ControlError(f"unknown kind {kind!r}; one of {', '.join(_DEFAULT_FILES)}")
    return _DEFAULT_FILES[kind]


class Acts:
    """Handlers for the acts of people."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._people = control.people

    async def say(self, request: web.Request) -> web.Response:
        """Write a text (a command is a text that starts with "/")."""
        data = await body_of(request)
        bot, user, chat = self._control.bot(data.pop("bot")), int(data.pop("user")), int(data.pop("chat", 0) or 0)
        return reply(self._people.say(bot, user, str(data.pop("text")), chat_id=chat, **data))

    async def post(self, request: web.Request) -> web.Response:
        """Send a message with any fields (sticker, location, contact, ...)."""
        data = await body_of(request)
        bot, chat = self._control.bot(data["bot"]), int(data.get("chat", 0) or 0)
        return reply(self._people.post(bot, int(data["user"]), dict(data["message"]), chat_id=chat))

    async def file(self, request: web.Request) -> web.Response:
        """Send a file: multipart with `file`, or JSON with `base64` (a small sample when neither is given)."""
        data, upload = await self._file_fields(request)
        if "base64" in data:
            name, mime_type, _ = upload or sample_file(data)
            upload = (name, mime_type, base64.b64decode(data["base64"]))
        return reply(self._send_file(data, upload))

    def _send_file(self, data: Json, upload: tuple[str, str, bytes] | None = None, **extra: Any) -> Json:
        name, mime_type, content = upload or sample_file(data)
        return self._people.send_file(
            self._control.bot(data["bot"]),
            int(data["user"]),
            kind=str(data.get("kind", "document")),
            name=str(data.get("name") or name),
            mime_type=str(data.get("mime_type") or mime_type),
            data=content,
            chat_id=int(data.get("chat", 0) or 0),
            caption=str(data.get("caption", "")),
            duration=int(data.get("duration", 0) or 0),
            **{key: int(data[key]) for key in ("reply_to", "thread") if data.get(key)},
            **extra,
        )

    async def album(self, request: web.Request) -> web.Response:
        """Send several files as one album: `items` [{kind, caption?, name?}] or `count` photos. The messages."""
        data = await body_of(request)
        items = data.pop("items", None) or [{"kind": "photo"}] * int(data.pop("count", 2))
        if data.get("caption"):
            items = [{**items[0], "caption": data.pop("caption")}, *items[1:]]
        group_id = str(self._control.core.rng.randint(10**16, 10**17))
        return reply([self._send_file({**data, **item}, media_group_id=group_id) for item in items])

    async def content(self, request: web.Request) -> web.Response:
        """Send a sample of any content that is not a file; `fields` change it, `message` adds Message fields."""
        data = await body_of(request)
        bot, chat = self._control.bot(data["bot"]), int(data.get("chat", 0) or 0)
        kind = str(data["kind"])
        if kind not in KINDS_OF_CONTENT:
            raise ControlError(f"unknown kind {kind!r}; one of {', '.join(KINDS_OF_CONTENT)}")
        fields = sample_content(kind, data.get("fields")) | dict(data.get("message") or {})
        fields |= {key: int(data[key]) for key in ("reply_to", "thread") if data.get(key)}
        return reply(self._people.post(bot, int(data["user"]), fields, chat_id=chat))

    async def _file_fields(self, request: web.Request) -> tuple[Json, tuple[str, str, bytes] | None]:
        if not request.content_type.startswith("multipart/"):
            return await body_of(request), None
        data: Json = {}
        upload = None
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                continue
            content = bytes(await part.read(decode=True))
            if part.filename:
                upload = (part.filename, part.headers.get("Content-Type", "application/octet-stream"), content)
            else:
                data[part.name] = content.decode()
        return data, upload

    async def edit(self, request: web.Request) -> web.Response:
        """Change an own message: `text`, `caption`, or `message` with any Message fields."""
        data = await body_of(request)
        bot, chat = self._control.bot(data["bot"]), int(data.get("chat", 0) or 0)
        fields: Json = dict(data.get("message") or {})
        fields |= {key: str(data[key]) for key in ("text", "caption") if key in data}
        return reply(self._people.edit(bot, int(data["user"]), int(data["message_id"]), fields, chat_id=chat))

    async def react(self, request: web.Request) -> web.Response:
        """Put a reaction on a message; an empty `emoji` takes it away."""
        data = await body_of(request)
        bot, chat = self._control.bot(data["bot"]), int(data.get("chat", 0) or 0)
        emoji = str(data.get("emoji", "👍"))
        self._people.react(bot, int(data["user"]), int(data["message_id"]), emoji, chat_id=chat)
        return reply({"reaction": emoji})

    async def press(self, request: web.Request) -> web.Response:
        """Press an inline button; answers with the callback's id."""
        data = await body_of(request)
        bot, chat = self._control.bot(data["bot"]), int(data.get("chat", 0) or 0)
        pressed = self._people.press(bot, int(data["user"]), int(data["message_id"]), str(data["data"]), chat_id=chat)
        return reply({"callback_id": pressed.id})

    async def block(self, request: web.Request) -> web.Response:
        """/control/block and /control/unblock."""
        data = await body_of(request)
        bot, user = self._control.bot(data["bot"]), int(data["user"])
        act = self._people.block if request.path.endswith("/block") else self._people.unblock
        act(bot, user)
        return reply({"blocked": act == self._people.block})

    async def stop(self, request: web.Request) -> web.Response:
        """Press the stop button under a preview."""
        data = await body_of(request)
        self._people.stop_generation(self._control.bot(data["bot"]), int(data["user"]))
        return reply({"stopped": True})

    async def stored_file(self, request: web.Request) -> web.Response:
        """A stored file by its id, for the chat page."""
        stored = self._control.core.files.find(request.match_info["file_id"])
        if stored is None:
            raise ControlError("there is no such file", 404)
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        return web.Response(body=stored.data, content_type=stored.mime_type.split(";")[0], headers=headers)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events of one bot (?bot=), or of all."""
        bot_id = self._control.bot(request.query["bot"]).id if request.query.get("bot") else 0
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        with self._control.core.hub.subscribe(bot_id) as subscription:
            while not subscription.overrun:
                try:
                    event = await asyncio.wait_for(subscription.events.get(), HEARTBEAT)
                    await response.write(b"data: " + event + b"\n\n")
                except TimeoutError:
                    await response.write(b": hb\n\n")
                except ConnectionError:
                    break
        return response


def act_routes(acts: Acts) -> list[web.RouteDef]:
    """The routes of this module."""
    table: list[tuple[str, str, Handler]] = [
        ("POST", "say", acts.say),
        ("POST", "post", acts.post),
        ("POST", "file", acts.file),
        ("POST", "album", acts.album),
        ("POST", "content", acts.content),
        ("POST", "edit", acts.edit),
        ("POST", "react", acts.react),
        ("POST", "press", acts.press),
        ("POST", "block", acts.block),
        ("POST", "unblock", acts.block),
        ("POST", "stop", acts.stop),
        ("GET", "files/{file_id}", acts.stored_file),
        ("GET", "stream", acts.stream),
    ]
    return [web.route(verb, f"/control/{path}", guarded(handler)) for verb, path, handler in table]
