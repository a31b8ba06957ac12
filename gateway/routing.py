"""The route table: one `Route` says everything about an operation, and the OpenAPI document is made from the same.

A handler is `async def name(call, [path parameters], [body], [query]) -> answer`. Its annotations are read once:
`body` and `query` are pydantic models, path parameters are UUID, int or str by the name in the path, the answer is a
model (JSON), None (204) or a response of aiohttp's.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_type_hints
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from domain.kit.errors import NotFound
from gateway.bodies import read_json, read_query
from gateway.call import Auth, Call, authenticate
from gateway.services import SERVICES

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[..., Awaitable[BaseModel | web.StreamResponse | None]]
_PARAMETER = re.compile(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})+)?\}")  # a pattern may count: {name:[a-z]{3}}
_CONVERT: dict[Any, Callable[[str], object]] = {UUID: UUID, int: int, str: str}


@dataclass(frozen=True)
class Route:
    """One operation. `auth` has no default: every route declares its permission.

    form   the model that documents a multipart body (the handler reads it itself).
    shows  the model that documents an answer which the handler writes itself.
    media  the answer's type when it is not JSON.         listed  whether the OpenAPI document shows it.
    """

    method: Method
    path: str
    handler: Handler
    auth: Auth
    tag: str
    summary: str
    status: int = 200
    form: type[BaseModel] | None = None
    shows: type[BaseModel] | None = None
    media: str = "application/json"
    listed: bool = True

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The handler's annotations."""
        return get_type_hints(self.handler)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Path parameters and their types, in order."""
        return {name: self.hints[name] for name in _PARAMETER.findall(self.path)}

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the JSON body."""
        return self.hints.get("body")

    @property
    def query(self) -> type[BaseModel] | None:
        """The model of the query string."""
        return self.hints.get("query")

    @property
    def answer(self) -> type[BaseModel] | None:
        """The model of the answer, None when it is empty or not JSON."""
        kind = self.hints["return"]
        return kind if inspect.isclass(kind) and issubclass(kind, BaseModel) else self.shows

    @property
    def plain_path(self) -> str:
        """The path without patterns, as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)


def mount(app: web.Application, routes: Sequence[Route]) -> None:
    """Register the table."""
    for route in routes:
        app.router.add_route(route.method, route.path, _endpoint(route), name=None)


def _endpoint(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    parameters, body, query, handler = route.parameters, route.body, route.query, route.handler

    async def endpoint(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        call = Call(request, services, authenticate(request, services, route.auth))
        given: dict[str, object] = {name: _converted(request, name, kind) for name, kind in parameters.items()}
        if query is not None:
            given["query"] = read_query(request, query)
        if body is not None:
            given["body"] = await read_json(request, body)
        answer = await handler(call, **given)
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204)
        return web.Response(
            body=answer.model_dump_json().encode(), status=route.status, content_type="application/json"
        )

    return endpoint


def _converted(request: web.Request, name: str, kind: Any) -> object:
    """A path parameter; what cannot be an id is the id of nothing."""
    text = request.match_info[name]
    try:
        value = _CONVERT[kind](text)
    except ValueError as error:
        raise NotFound("There is nothing with this id.") from error
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise NotFound("There is nothing with this id.")
    if "\x00" in text:
        raise NotFound("There is nothing with this id.")
    return value
