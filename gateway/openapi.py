"""The OpenAPI 3.1 document, made from the route table and the models that validate."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.call import Auth
from gateway.problems import CONTENT_TYPE, Problem
from gateway.routing import Route
from gateway.version import VERSION

_TEMPLATE = "#/components/schemas/{model}"
_SECURITY: dict[Auth, list[dict[str, list[str]]]] = {
    "public": [],
    "member": [{"access": []}],
    "owner": [{"access": []}],
    "visitor": [{"visitor": []}],
    "reader": [{"visitor": []}, {"access": []}],
    "ops": [{}, {"metrics": []}],
    "telegram": [],
}
_SCHEMES = {
    "access": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From /api/auth/login."},
    "visitor": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From a widget session."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN; not needed on the host itself."},
}
_JSON_TYPES: dict[Any, dict[str, Any]] = {int: {"type": "integer"}, str: {"type": "string"}}
_UUID = {"type": "string", "format": "uuid"}

Key = tuple[type[BaseModel], JsonSchemaMode]
Refs = Mapping[Any, dict[str, Any]]  # by Key


def document(routes: Sequence[Route], *, server: str) -> dict[str, Any]:
    """The document of the listed routes."""
    listed = [route for route in routes if route.listed]
    keys: dict[Key, None] = {(Problem, "serialization"): None}
    for route in listed:
        keys.update(dict.fromkeys(_keys(route)))
    refs, definitions = models_json_schema(list(keys), ref_template=_TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        paths.setdefault(route.plain_path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ReplyX",
            "version": VERSION,
            "summary": "Assistants that answer from your documents, on Telegram and on your site.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SCHEMES},
    }


def _keys(route: Route) -> list[Key]:
    keys: list[Key] = [(model, "validation") for model in (route.body, route.form) if model is not None]
    if route.answer is not None:
        keys.append((route.answer, "serialization"))
    return keys


def _operation(route: Route, refs: Refs) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _SECURITY[route.auth],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {str(route.status): _success(route, refs), "default": _failure(refs)},
    }
    for model, media in ((route.body, "application/json"), (route.form, "multipart/form-data")):
        if model is not None:
            schema = refs[(model, "validation")]
            operation["requestBody"] = {"required": True, "content": {media: {"schema": schema}}}
    return operation


def _success(route: Route, refs: Refs) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "Done."}
    schema = refs[(route.answer, "serialization")] if route.answer else {"type": "string"}
    return {"description": route.summary, "content": {route.media: {"schema": schema}}}


def _failure(refs: Refs) -> dict[str, Any]:
    return {
        "description": "What went wrong, in one sentence.",
        "content": {CONTENT_TYPE: {"schema": refs[(Problem, "serialization")]}},
    }


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _JSON_TYPES.get(kind, _UUID)}
        for name, kind in route.parameters.items()
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    required = set(schema.get("required", ()))
    parameters = []
    for name, item in schema["properties"].items():
        description = item.pop("description", "")
        parameters.append(
            {"name": name, "in": "query", "required": name in required, "schema": item, "description": description}
        )
    return parameters
