"""What a bot sent: query, form, JSON or multipart, all flattened to strings as the real server does.

Numbers are forgiving in Telegram's own way: a wrong type becomes 0, an out-of-range number is clamped.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import BodyPartReader, MultipartReader, web

from simulators.telegram.errors import ApiError, bad_request

_INTEGER = re.compile(r"\s*(-?)(\d+)")
_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Upload:
    """A file that came in a multipart request."""

    name: str
    content_type: str
    data: bytes


@dataclass
class Params:
    """The arguments of one call; `files` holds the multipart uploads by field name."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the argument was given and is not empty."""
        return bool(self.values.get(name))

    def text(self, name: str) -> str:
        """The argument as text, "" when absent."""
        return self.values.get(name, "")

    def integer(self, name: str, default: int = 0) -> int:
        """A 32-bit integer."""
        return _integer(self.values.get(name), default, _INT32)

    def long(self, name: str, default: int = 0) -> int:
        """A 64-bit integer."""
        return _integer(self.values.get(name), default, _INT64)

    def flag(self, name: str) -> bool:
        """True for true, yes and 1 in any case."""
        return self.values.get(name, "").strip().lower() in {"true", "yes", "1"}

    def json(self, name: str, complaint: str) -> Any:
        """The argument as JSON, None when absent. 400 with `complaint` when it is not JSON."""
        raw = self.values.get(name, "")
        if not raw:
            return None
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise bad_request(complaint) from error


def _integer(raw: str | None, default: int, bounds: tuple[int, int]) -> int:
    if raw is None or raw == "":
        return default
    match = _INTEGER.match(raw)
    if match is None:
        return 0
    value = int(match[2][:25])
    return min(max(-value if match[1] else value, bounds[0]), bounds[1])


def from_mapping(values: dict[str, Any]) -> Params:
    """Arguments given as JSON: nested values become JSON text, null means absent."""
    return Params({str(key): _flatten(value) for key, value in values.items() if value is not None})


def _flatten(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


async def read_params(request: web.Request) -> Params:
    """All arguments of a request. 400 for a JSON body that is not an object, 413 for one too large."""
    params = Params(dict(request.query))
    if request.method != "POST" or not request.can_read_body:
        return params
    kind = request.content_type.lower()
    try:
        if kind == "application/json":
            _merge_json(params, await request.read())
        elif kind == "application/x-www-form-urlencoded":
            params.values.update((key, str(value)) for key, value in (await request.post()).items())
        elif kind == "multipart/form-data":
            await _merge_multipart(params, await request.multipart())
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError(413, "Request Entity Too Large") from error
    except UnicodeDecodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    return params


def _merge_json(params: Params, body: bytes) -> None:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request("can't parse JSON object") from error
    if not isinstance(decoded, dict):
        raise bad_request("can't parse JSON object")
    params.values.update(from_mapping(decoded).values)


async def _merge_multipart(params: Params, reader: MultipartReader) -> None:
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        data = bytes(await part.read(decode=True))
        if part.filename is not None:
            kind = part.headers.get("Content-Type", "application/octet-stream")
            params.files[part.name] = Upload(part.filename, kind, data)
        else:
            params.values[part.name] = data.decode()
