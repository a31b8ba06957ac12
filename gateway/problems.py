"""Every error a client sees: RFC 9457 problem JSON, from one table."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from domain.kit.errors import (
    Conflict,
    Forbidden,
    Invalid,
    LostOwnership,
    NotFound,
    Quota,
    ReplyxError,
    TooLarge,
    Unauthorized,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"


class Malformed(Invalid):
    """The body or a header cannot be read at all."""


class WrongMediaType(Invalid):
    """The body is of a type this route does not read."""


class TooSlow(Invalid):
    """The body did not arrive in time."""


class Fields(Invalid):
    """Fields of the input are wrong; `problems` lists each."""

    def __init__(self, detail: str, problems: Sequence[Mapping[str, str]]) -> None:
        super().__init__(detail)
        self.problems = problems


# The only place that knows a status: the first class of the error's ancestry that stands here decides.
STATUS: dict[type[ReplyxError], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Quota: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    LostOwnership: HTTPStatus.SERVICE_UNAVAILABLE,
}


class FieldProblem(BaseModel):
    """One wrong field."""

    field: str
    message: str


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(examples=["urn:replyx:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One sentence for a person: what happened and what to do.")
    request_id: str = Field(description="Also in the X-Request-ID header and in our logs.")
    errors: list[FieldProblem] | None = Field(None, description="The wrong fields, on 422.")


def of_error(error: ReplyxError, *, request_id: str) -> web.Response:
    """The answer to a failure a caller can understand."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    more = {"errors": list(error.problems)} if isinstance(error, Fields) else {}
    return response(status, error.detail, request_id=request_id, headers=headers, **more)


def of_http(error: web.HTTPException, *, request: web.Request, request_id: str) -> web.Response:
    """The answer to what aiohttp itself refused: an unknown path, a method, a size."""
    status = HTTPStatus(error.status)
    headers = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address; /api/docs lists what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"This address does not take {request.method}; "
        f"it takes {headers.get('Allow', 'other methods')}.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large: this address takes at most 1 MiB.",
    }
    return response(status, details.get(status, f"{status.phrase}."), request_id=request_id, headers=headers)


def of_crash(*, request_id: str) -> web.Response:
    """The answer to a bug of ours: no detail that could help an attacker, and the id that finds it in the logs."""
    detail = f"Something went wrong on our side; tell the administrator this id: {request_id}."
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, detail, request_id=request_id)


def of_validation(error: ValidationError) -> Fields:
    """Pydantic's findings, as an error with one sentence for the first and a list of all."""
    problems = [
        {"field": ".".join(str(part) for part in item["loc"]) or "body", "message": _message(item["msg"])}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = problems[0]
    return Fields(f"{first['field']}: {first['message']}.", problems)


def response(
    status: HTTPStatus, detail: str, *, request_id: str, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    """One problem."""
    body = {
        "type": f"urn:replyx:problem:{status.name.lower()}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "request_id": request_id,
        **more,
    }
    return web.Response(body=orjson.dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers)


def _message(text: str) -> str:
    text = text.removeprefix("Value error, ").rstrip(".")
    return text[:1].lower() + text[1:]
