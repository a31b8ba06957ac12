"""Files that people and bots sent, kept in memory up to a bound."""

import base64
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from simulators.telegram.errors import bad_request

TOTAL_BYTES = 256 * 1024 * 1024
DOWNLOAD_LIMIT = 20 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024
PHOTO_LIMIT = 10 * 1024 * 1024
_FOLDERS = {
    "photo": "photos",
    "document": "documents",
    "voice": "voice",
    "audio": "music",
    "video": "videos",
    "animation": "animations",
    "sticker": "stickers",
    "video_note": "video_notes",
}
_EXTENSIONS = {
    "photo": "jpg",
    "voice": "oga",
    "audio": "mp3",
    "video": "mp4",
    "animation": "mp4",
    "sticker": "webp",
    "video_note": "mp4",
}


@dataclass(frozen=True)
class StoredFile:
    """A file. `kind` is one of `_FOLDERS`; `path` what getFile answers."""

    file_id: str
    unique_id: str
    kind: str
    name: str
    mime_type: str
    data: bytes
    path: str


class FileStore:
    """Files by id and by path; the oldest are dropped when the bound is passed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._by_id: OrderedDict[str, StoredFile] = OrderedDict()
        self._by_path: dict[str, StoredFile] = {}
        self._bytes = 0
        self._count = 0

    def add(self, kind: str, name: str, mime_type: str, data: bytes) -> StoredFile:
        """Keep a file."""
        number, self._count = self._count, self._count + 1
        extension = name.rsplit(".", 1)[-1] if "." in name else _EXTENSIONS.get(kind, "bin")
        path = f"{_FOLDERS.get(kind, 'documents')}/file_{number}.{_EXTENSIONS.get(kind, extension)}"
        token = base64.urlsafe_b64encode(self._rng.randbytes(45)).decode()
        stored = StoredFile("BQAC" + token, "AgAD" + token[:12], kind, name, mime_type, data, path)
        self._by_id[stored.file_id] = self._by_path[path] = stored
        self._bytes += len(data)
        while self._bytes > TOTAL_BYTES and len(self._by_id) > 1:
            _, dropped = self._by_id.popitem(last=False)
            del self._by_path[dropped.path]
            self._bytes -= len(dropped.data)
        return stored

    def find(self, file_id: str) -> StoredFile | None:
        """The file with this id."""
        return self._by_id.get(file_id)

    def at(self, path: str) -> StoredFile | None:
        """The file with this download path."""
        return self._by_path.get(path)


def is_file_id(value: str) -> bool:
    """Whether a file may once have had this id."""
    return value.startswith("BQAC") and len(value) == 64


def described(stored: StoredFile, **extra: Any) -> dict[str, Any]:
    """The fields every kind of file has in a message."""
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
        **{key: value for key, value in extra.items() if value not in (None, "")},
    }


def content_of(stored: StoredFile, duration: int = 0) -> dict[str, Any]:
    """The part of a message that carries this file: {"document": ...}, {"photo": [...]}, ..."""
    if stored.kind == "photo":
        width, height = picture_size(stored.data)
        small = described(stored, width=min(width, 320), height=max(1, height * min(width, 320) // width))
        sizes = [described(stored, width=width, height=height)]
        return {"photo": [small, *sizes] if width > 320 else sizes}
    if stored.kind in {"voice", "audio"}:
        return {stored.kind: described(stored, duration=duration or 1, mime_type=stored.mime_type)}
    if stored.kind in {"video", "animation"}:
        moving = described(stored, duration=duration or 1, width=640, height=360, mime_type=stored.mime_type)
        if stored.kind == "video":
            return {"video": moving}
        return {"animation": moving, "document": described(stored, file_name=stored.name, mime_type=stored.mime_type)}
    if stored.kind == "video_note":
        return {"video_note": described(stored, duration=duration or 1, length=240)}
    if stored.kind == "sticker":
        looks = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
        return {"sticker": described(stored, **looks, emoji="👍", set_name="camping")}
    return {"document": described(stored, file_name=stored.name, mime_type=stored.mime_type)}


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, GIF or JPEG. 400 for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return int.from_bytes(data[16:20], "big") or 1, int.from_bytes(data[20:24], "big") or 1
    if data[:3] == b"GIF" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little") or 1, int.from_bytes(data[8:10], "little") or 1
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return 512, 512
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    raise bad_request("IMAGE_PROCESS_FAILED")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    while position + 9 <= len(data):
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(width, "big") or 1, int.from_bytes(height, "big") or 1
        position += 2 + max(length, 2)
    raise bad_request("IMAGE_PROCESS_FAILED")
