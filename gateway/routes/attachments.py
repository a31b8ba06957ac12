"""attachments: the files that customers sent."""

import re
from urllib.parse import quote
from uuid import UUID

from aiohttp import web

from domain.dialogs import attachments
from domain.dialogs.attachments import StoredFile
from gateway.call import Call
from gateway.routing import Route

# What a browser may show by itself; everything else, text and SVG too, is a download of bytes without a type.
_SHOWN = frozenset({
    "image/jpeg", "image/png", "image/gif", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/x-m4a",
    "video/mp4", "video/webm",
})  # fmt: skip
_BY_KIND = {
    "photo": ("image/jpeg", "jpg"),
    "voice": ("audio/ogg", "ogg"),
    "audio": ("audio/mpeg", "mp3"),
    "video": ("video/mp4", "mp4"),
    "video_note": ("video/mp4", "mp4"),
    "animation": ("video/mp4", "mp4"),
    "live_photo": ("video/mp4", "mp4"),
    "sticker": ("image/webp", "webp"),
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}


async def read_attachment(call: Call, dialog_id: UUID, seq: int, n: int) -> web.StreamResponse:
    """The bytes of a file. Raises NotFound, also for one that is not fetched yet."""
    async with call.tenant_tx() as conn:
        file = await attachments.read(conn, tenant_id=call.member.tenant_id, dialog_id=dialog_id, seq=seq, n=n)
    kind, extension = _BY_KIND.get(file.kind, ("application/octet-stream", "bin"))
    media = (file.mime_type or kind).lower()
    shown = media in _SHOWN
    return web.Response(
        body=file.data,
        headers=_SAFE | {"Content-Disposition": _disposition(file, f"{file.kind}.{extension}", inline=shown)},
        content_type=media if shown else "application/octet-stream",
    )


def _disposition(file: StoredFile, fallback: str, *, inline: bool) -> str:
    """RFC 6266: the name in ASCII for old clients, and as it is, percent-encoded, for the others."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", file.name or fallback)[:200] or fallback
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


ROUTES = (
    Route(
        "GET",
        "/api/dialogs/{dialog_id}/messages/{seq}/attachments/{n}",
        read_attachment,
        "member",
        "dialogs",
        "Read a file that a customer sent.",
        media="application/octet-stream",
    ),
)
