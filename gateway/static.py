"""The built files of web/ in gateway/static: read once, kept in memory, served with the right cache headers."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiohttp import web

from domain.kit.errors import NotFound, Unavailable

FOLDER = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".map": "application/json", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    content_type: str
    changed: float


class StaticFiles:
    """Files below one folder; a rebuilt file is noticed by its modification time."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    def has(self, name: str) -> bool:
        """Whether the file was built."""
        return self._path(name).is_file()

    def manifest(self, part: str) -> dict[str, str]:
        """File name to hash of a built part (`widget`). Raises Unavailable when it was not built."""
        try:
            manifest: dict[str, str] = orjson.loads(self._read(f"{part}/manifest.json").data)
        except NotFound as error:
            raise Unavailable(f"The {part} is not built; run `make widget` on the server.", retry_after=30) from error
        return manifest

    def response(self, name: str, *, versioned: bool) -> web.Response:
        """The file; one whose address carries its hash may be kept for ever. Raises NotFound."""
        file = self._read(name)
        headers = {
            "Cache-Control": _FOREVER if versioned else _SHORT,
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        charset = "utf-8" if file.content_type.startswith("text/") else None
        return web.Response(body=file.data, content_type=file.content_type, charset=charset, headers=headers)

    def _read(self, name: str) -> _File:
        path = self._path(name)
        try:
            changed = path.stat().st_mtime
            known = self._files.get(name)
            if known is None or known.changed != changed:
                kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                known = self._files[name] = _File(path.read_bytes(), kind, changed)
        except OSError as error:
            raise NotFound("There is no such file.") from error
        return known

    def _path(self, name: str) -> Path:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or any(part.startswith(".") for part in Path(name).parts):
            raise NotFound("There is no such file.")
        return path
