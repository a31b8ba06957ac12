"""Every bad request gets one clear sentence as problem JSON, the right status, and the id of the request."""

import asyncio
import io
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from gateway.bodies import JSON_MAX
from tests.gateway.running import Answer, Gateway


def check(answer: Answer, status: int, part: str) -> None:
    """It is a problem with this status, and its sentence names the matter."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert part in answer.json["detail"], answer.json["detail"]
    assert answer.json["status"] == status
    assert answer.json["type"].startswith("urn:replyx:problem:")
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


async def test_unknown_path_and_wrong_method(gateway: Gateway) -> None:
    check(await gateway.call("GET", "/api/nothing"), 404, "/api/docs")
    answer = await gateway.call("DELETE", "/api/users/me")
    check(answer, 405, "DELETE")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"{", "not valid JSON"),
        (b"", "not valid JSON"),
        (b'{"email": NaN}', "not valid JSON"),
        (b'{"email": "\\ud800"}', "lone surrogate"),
        (b"\xff\xfe", "not valid JSON"),
    ],
)
async def test_malformed_json(gateway: Gateway, data: bytes, part: str) -> None:
    headers = {"Content-Type": "application/json"}
    check(await gateway.call("POST", "/api/auth/login", data=data, headers=headers), 400, part)


async def test_deep_json_does_not_crash(gateway: Gateway) -> None:
    data = b"[" * 100_000
    headers = {"Content-Type": "application/json"}
    check(await gateway.call("POST", "/api/auth/login", data=data, headers=headers), 400, "not valid JSON")


async def test_json_of_another_type_or_shape(gateway: Gateway) -> None:
    check(await gateway.call("POST", "/api/auth/login", data=b"email=x"), 415, "application/json")
    check(await gateway.call("POST", "/api/auth/login", json=[1]), 422, "body")
    check(await gateway.call("POST", "/api/auth/login", json={"email": "a\x00b", "password": "x"}), 422, "NUL")


async def test_wrong_fields_are_all_listed(gateway: Gateway) -> None:
    account = await gateway.register()
    answer = await account.call("POST", "/api/assistants", json={"name": 5, "temperature": 9})
    check(answer, 422, "name: ")
    assert [item["field"] for item in answer.json["errors"]] == ["name", "temperature"]


async def test_a_json_body_over_a_mebibyte(gateway: Gateway) -> None:
    data = io.BytesIO(b'{"email": "' + b"x" * JSON_MAX + b'"}')
    headers = {"Content-Type": "application/json"}
    check(await gateway.call("POST", "/api/auth/login", data=data, headers=headers), 413, "1 MiB")


@pytest.mark.parametrize("declared", [True, False])
async def test_an_upload_over_the_limit(gateway: Gateway, declared: bool) -> None:
    account = await gateway.register()
    size = (gateway.services.settings.upload_max_mb << 20) + 200_000

    async def chunks() -> Any:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        yield head
        for _ in range(size // 65536 + 1):
            yield b"x" * 65536
        yield b"\r\n--b--\r\n"

    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"x" * size), filename="a.txt")
    data, headers = (form, {}) if declared else (chunks(), {"Content-Type": "multipart/form-data; boundary=b"})
    answer = await account.call("POST", "/api/documents", data=data, headers=headers)
    check(answer, 413, f"at most {gateway.services.settings.upload_max_mb} MB")


async def test_broken_forms(gateway: Gateway) -> None:
    account = await gateway.register()
    check(await account.call("POST", "/api/documents", json={}), 415, "multipart/form-data")
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=b"):
        answer = await account.call("POST", "/api/documents", data=b"rubbish", headers={"Content-Type": content_type})
        assert answer.status in {400, 422}, answer.text
    form = aiohttp.FormData({"title": "x"})
    form.add_field("title2", b"x", filename="t")
    check(await account.call("POST", "/api/documents", data=form), 422, "no file")


async def test_too_long_blank_and_broken_messages(gateway: Gateway) -> None:
    site = await (await gateway.register()).site()
    path = f"/api/widget/{site['site_key']}"
    session = await gateway.ok("POST", f"{path}/sessions", json={})
    token = session["visitor_token"]

    async def say(text: Any) -> Answer:
        body = {"client_id": str(uuid4()), "text": text}
        return await gateway.call("POST", f"{path}/messages", token=token, json=body)

    check(await say("x" * 20_000), 422, "it has 20000 characters, and at most 4000 fit")
    check(await say(" \n\t "), 422, "empty")
    check(await say("a\x00b"), 422, "NUL")
    check(await say(None), 422, "text")
    assert (await say("🦊" * 4000)).status == 202
    assert (await say("👍")).status == 202


async def test_a_pair_is_as_long_as_the_document_of_the_api_says(gateway: Gateway) -> None:
    account = await gateway.register()
    schemas = (await gateway.ok("GET", "/api/openapi.json"))["components"]["schemas"]
    for model in ("PairBody", "PairChanges"):
        fields = schemas[model]["properties"]
        longest = {"question": fields["question"]["maxLength"], "answer": fields["answer"]["maxLength"]}
        pair = await account.ok("POST", "/api/qa", json={name: "w" * most for name, most in longest.items()})
        for name, most in longest.items():
            body = {**dict.fromkeys(longest, "w"), name: "w" * (most + 1)}
            check(await account.call("POST", "/api/qa", json=body), 422, name)
            check(await account.call("PATCH", f"/api/qa/{pair['id']}", json={name: body[name]}), 422, name)


async def test_ids_that_are_none(gateway: Gateway) -> None:
    account = await gateway.register()
    check(await account.call("GET", "/api/assistants/5"), 404, "nothing with this id")
    check(await account.call("GET", "/api/bots/99999999999999999999"), 404, "nothing with this id")
    for noun in ("assistants", "bots", "dialogs", "documents", "handoffs", "qa", "sites"):
        answer = await account.call("GET", f"/api/{noun}?cursor=xyz")
        check(answer, 422, "The cursor is not one of ours; use next_cursor of the previous answer.")
    check(await account.call("GET", "/api/assistants?limit=1000"), 422, "limit")
    check(await account.call("GET", "/api/dialogs?search=%00"), 422, "NUL")


async def test_a_bug_is_hidden_and_has_an_id(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(**_: object) -> None:
        raise RuntimeError("secret detail")

    account = await gateway.register()
    monkeypatch.setattr(gateway.services.knowledge, "retrieve", crash)
    body = {"question": "x", "assistant_id": await account.assistant()}
    answer = await account.call("POST", "/api/documents/search", json=body, headers={"X-Request-ID": "my-id.1"})
    check(answer, 500, "my-id.1")
    assert "secret detail" not in answer.text


async def test_a_request_id_that_could_forge_log_lines_is_replaced(gateway: Gateway) -> None:
    answer = await gateway.call("GET", "/health", headers={"X-Request-ID": 'a" b'})
    assert " " not in answer.headers["X-Request-ID"]


async def test_security_headers(gateway: Gateway) -> None:
    headers = (await gateway.call("GET", "/health")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "ReplyX"


async def test_a_wrong_bot_token(gateway: Gateway) -> None:
    account = await gateway.register()
    body = {"token": "not a token", "assistant_id": await account.assistant()}
    check(await account.call("POST", "/api/bots", json=body), 422, "@BotFather")
    body["token"] = "123456789:" + "A" * 35
    check(await account.call("POST", "/api/bots", json=body), 503, "Telegram does not answer")


async def test_without_postgres_every_route_says_so(gateway: Gateway) -> None:
    account = await gateway.register()
    async with asyncio.timeout(20):
        await gateway.services.db.pools["app"].close()
    answer = await account.call("GET", "/api/assistants")
    check(answer, 503, "database")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await gateway.call("GET", "/health")).status == 503
