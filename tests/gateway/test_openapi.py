"""The route table and the document made from it."""

import re
from typing import Any, get_args

import orjson
import pytest
from openapi_spec_validator import validate

from domain.kit.db import Database
from gateway.call import Auth
from gateway.openapi import document
from gateway.problems import STATUS
from gateway.routes import ALL
from gateway.routing import Route
from tests.gateway.running import Gateway

DOCUMENT = document(ALL, server="http://localhost:8080")
PUBLIC = {
    "/",
    "/health",
    "/widget.js",
    "/chat/{site_key}",
    "/static/{name}",
    "/api/openapi.json",
    "/api/docs",
    "/api/docs/start.js",
    "/api/auth/register",
    "/api/auth/login",
    "/api/widget/{site_key}/sessions",
}


@pytest.mark.parametrize("route", ALL, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_declares_a_permission_and_says_what_it_does(route: Route) -> None:
    assert route.auth in get_args(Auth)
    assert re.fullmatch(r"[A-Z].+\.", route.summary)
    assert route.handler.__doc__
    assert (route.auth == "public") == (route.plain_path in PUBLIC), "decide: is this for everybody?"


def test_whatever_changes_the_workspace_is_the_owners() -> None:
    for route in ALL:
        if route.method != "GET" and route.auth == "member":
            assert route.tag == "dialogs" or route.path.endswith("/search"), route.path


def test_operations_have_names_of_their_own() -> None:
    names = [route.handler.__name__ for route in ALL]
    assert len(names) == len(set(names))
    keys = [(route.method, route.path) for route in ALL]
    assert len(keys) == len(set(keys))


def test_every_reference_leads_somewhere_and_everything_is_used() -> None:
    refs = set(references(DOCUMENT))
    schemas = DOCUMENT["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in refs} == set(schemas)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in schemas)


def references(value: Any) -> list[str]:
    """All $ref of a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for item in value.values() for ref in references(item)]
    return [ref for item in value for ref in references(item)] if isinstance(value, list) else []


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(orjson.loads(orjson.dumps(DOCUMENT)))


def test_the_document_has_the_parts_openapi_3_1_wants() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    for path, operations in DOCUMENT["paths"].items():
        names = set(re.findall(r"\{(\w+)\}", path))
        for operation in operations.values():
            given = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert given == names, path
            assert set(operation["responses"]) >= {"default"}
            assert all(
                scheme in DOCUMENT["components"]["securitySchemes"] for need in operation["security"] for scheme in need
            )


def test_every_error_class_has_a_status() -> None:
    assert all(400 <= status < 600 for status in STATUS.values())


async def test_the_document_and_its_page_are_served(gateway: Gateway) -> None:
    served = await gateway.call("GET", "/api/openapi.json")
    assert served.json["paths"].keys() == DOCUMENT["paths"].keys()
    page = await gateway.call("GET", "/api/docs")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    home = await gateway.call("GET", "/")
    assert (home.status, home.headers["Location"]) == (302, "/api/docs")
    script = await gateway.call("GET", "/api/docs/start.js")
    assert "/api/openapi.json" in script.text


async def test_without_the_built_page_the_operations_are_listed(
    gateway: Gateway, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.services.files, "_folder", tmp_path)
    page = await gateway.call("GET", "/api/docs")
    assert "<code>POST /api/documents</code>" in page.text


async def test_health_tells_strangers_little(gateway: Gateway) -> None:
    local = await gateway.ok("GET", "/health")
    assert local["status"] == "ok"
    assert local["details"]["database"] == "up"
    assert (local["details"]["embeddings"], local["details"]["model"]) == ("off", "off")
    proxied = await gateway.ok("GET", "/health", headers={"X-Forwarded-For": "203.0.113.7"})
    assert proxied == {"status": "ok"}


async def test_metrics_are_for_this_host(gateway: Gateway) -> None:
    metrics = await gateway.call("GET", "/metrics")
    assert metrics.status == 200
    assert "replyx_http_requests_total" in metrics.text
    answer = await gateway.call("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.status == 403


@pytest.fixture
def setting_overrides() -> dict[str, Any]:
    """A token for the metrics."""
    return {"metrics_token": "let me see"}


async def test_metrics_with_the_token(gateway: Gateway) -> None:
    far = {"X-Forwarded-For": "203.0.113.7"}
    assert (await gateway.call("GET", "/metrics", headers=far, token="let me see")).status == 200
    assert (await gateway.call("GET", "/metrics", headers=far, token="guess")).status == 403
    health = await gateway.ok("GET", "/health", headers=far, token="let me see")
    assert health["details"]["redis"] == "up"


async def test_the_system_says_what_it_can(gateway: Gateway) -> None:
    account = await gateway.register()
    system = await account.ok("GET", "/api/system")
    assert system["answers"] == "extracts"
    assert system["upload_max_mb"] == 25


async def test_the_slot_table_tells_what_waits_for_whom(gateway: Gateway, db: Database) -> None:
    account = await gateway.register()
    async with db.worker_tx() as conn:
        await conn.execute(
            "INSERT INTO shard_members (id, program, host, pid, expires_at, stats) VALUES "
            "('one', 'shard-00', 'here', 7, clock_timestamp() + '1 minute', '{\"bots\": 3, \"sends\": 1.5}')"
        )
        await conn.execute("UPDATE slot_owners SET member_id = 'one' WHERE slot < 1000")
        tenant = await conn.fetchval("SELECT id FROM tenants LIMIT 1")
        for slot in (5, 1001):
            await conn.execute(
                "INSERT INTO inbox (tenant_id, slot, channel, source, source_id, raw, received_at) "
                "VALUES ($1, $2, 'web', 's', $3, '', now() - '90 s'::interval)",
                tenant,
                slot,
                str(slot),
            )
    found = await gateway.ok("GET", "/api/system/shards")
    assert (found["free"], found["free_lag"] >= 90, found["wishes"]) == (24, True, {})
    (shard,) = found["shards"]
    assert (shard["state"], shard["slots"], shard["bots"], shard["sends"]) == ("live", 1000, 3, 1.5)
    assert 90 <= shard["lag"] < 120
    far = {"X-Forwarded-For": "203.0.113.7"}
    assert (await account.call("GET", "/api/system/shards", headers=far)).status == 403
