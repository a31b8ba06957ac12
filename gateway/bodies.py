"""Reading bodies: one JSON parser, limits on size and time, one clear sentence each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from domain.kit.errors import Invalid, TooLarge
from gateway.problems import Malformed, TooSlow, WrongMediaType, of_validation

JSON_MAX = 1 << 20  # bytes
_READ_SECONDS = 30
_UPLOAD_SECONDS = 300
_FIELD_MAX = 4096
_FRAMING = 64 << 10  # what the boundaries and the small fields of a form may add to the file


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and the small fields of its form."""

    file_name: str
    data: bytes
    fields: dict[str, str]


async def read_raw(request: web.Request) -> bytes:
    """The body, at most JSON_MAX bytes. Raises TooSlow; aiohttp raises for the size."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise TooSlow("The body did not arrive within 30 seconds; send it again.") from error


async def read_json(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The body as `model`. Raises Malformed, WrongMediaType, Fields."""
    if request.content_type != "application/json":
        raise WrongMediaType("Send JSON with the header `Content-Type: application/json`.")
    raw = await read_raw(request)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "surrogate" in str(error) and b"\\u" in raw:
            raise Malformed("A text contains half of a character (a lone surrogate); remove it.") from error
        raise Malformed(f"The body is not valid JSON: {error}.") from error
    if b"\\u0000" in raw and _has_nul(value):
        raise Invalid("A text contains the character NUL (\\u0000), which cannot be stored; remove it.")
    return validate(model, value)


def validate(model: type[BaseModel], value: Any) -> BaseModel:
    """`value` as `model`. Raises Fields."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(error) from error


def read_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The query string as `model`; a name given twice counts once. Raises Fields."""
    if any("\x00" in value for value in request.query.values()):
        raise Invalid("The query contains the character NUL; remove it.")
    return validate(model, dict(request.query))


async def read_upload(request: web.Request, *, max_mb: int) -> Upload:
    """The form's file and fields. Raises TooLarge, TooSlow, Malformed, WrongMediaType."""
    if request.content_type != "multipart/form-data":
        raise WrongMediaType("Send the file as a form: `Content-Type: multipart/form-data` with a field `file`.")
    limit = max_mb << 20
    if (request.content_length or 0) > limit + _FRAMING:
        raise _too_large(max_mb)
    try:
        async with asyncio.timeout(_UPLOAD_SECONDS):
            return await _read_parts(request, limit, lambda: _too_large(max_mb))
    except TimeoutError as error:
        raise TooSlow("The file did not arrive within five minutes; send it again.") from error
    except (ValueError, AssertionError, aiohttp.ClientPayloadError, HttpProcessingError) as error:
        raise Malformed("The form is broken; send it again as multipart/form-data.") from error


async def _read_parts(request: web.Request, limit: int, too_large: Callable[[], TooLarge]) -> Upload:
    fields: dict[str, str] = {}
    file: tuple[str, bytes] | None = None
    async for part in await request.multipart():
        if not isinstance(part, aiohttp.BodyPartReader) or part.name is None:
            raise Malformed("The form has a part without a name.")
        if part.name == "file":
            file = (part.filename or "", await _read_part(part, limit, too_large()))
        else:
            too_long = Invalid(f"The field {part.name[:50]} is too long.")
            fields[part.name] = (await _read_part(part, _FIELD_MAX, too_long)).decode()
    if file is None or not file[0]:
        raise Invalid("The form has no file: put it in a field named `file`, with its file name.")
    return Upload(file[0], file[1], fields)


async def _read_part(part: aiohttp.BodyPartReader, limit: int, error: Invalid) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(1 << 16):
        data += chunk
        if len(data) > limit:
            raise error
    return bytes(data)


def _too_large(max_mb: int) -> TooLarge:
    return TooLarge(f"The file is too large: a document may have at most {max_mb} MB. Split it, or send its text.")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))
