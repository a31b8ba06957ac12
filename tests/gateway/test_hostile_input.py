"""Odd values in every place of every route: whatever comes, the answer is not a crash."""

import re
from typing import Any

import pytest
import yarl

from gateway.routes import ALL
from gateway.routing import Route
from tests.gateway.running import Account, Gateway

ODD_TEXT = ["%00", "%ff", "%ed%a0%80", "9" * 30, "-1", "null", "%F0%9F%A6%8A", "a" * 3000, "'", "%25", "NaN", "[]", ""]
ODD_TEXT += ["2147483648", "9223372036854775807", "9223372036854775808", "00000000-0000-0000-0000-000000000000"]
ODD_JSON: list[Any] = [None, True, -1, 1e308, 2**63, "", "\x00", "x" * 30_000, [], {}, {"a": 1}, ["x"], "😀", "\u202e"]
GOOD = {
    "email": "a@example.com",
    "password": "12345678",
    "name": "n",
    "workspace": "w",
    "question": "how to",
    "answer": "x",
    "client_id": "00000000-0000-0000-0000-000000000000",
    "text": "hi",
    "token": "1:a",
}
NOBODY = "00000000-0000-0000-0000-000000000000"
ROUTES = [route for route in ALL if route.media != "text/event-stream"]


class Attacker:
    """Someone signed in who sends anything."""

    def __init__(self, account: Account, site: dict[str, Any], visitor_token: str) -> None:
        self.account, self.site, self.visitor_token = account, site, visitor_token
        self.base = {**GOOD, "assistant_id": site["assistant_id"]}

    def path(self, route: Route, value: str = NOBODY) -> str:
        """The path with the value for every id but the site's key."""
        values = {"site_key": self.site["site_key"], "site_id": self.site["id"]}
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], value), route.plain_path)

    async def send(self, route: Route, path: str, **more: Any) -> None:
        """One request; no crash, and problems are problem JSON."""
        token = self.visitor_token if route.auth == "visitor" else self.account.token
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        gateway = self.account.gateway
        url = yarl.URL(gateway.url + path, encoded=True)
        async with gateway.session.request(
            route.method, url, headers=headers, allow_redirects=False, **more
        ) as response:
            text = await response.text()
            away = response.status == 503 and ("Telegram" in text or "not built" in text)
            assert response.status < 500 or away, f"{route.method} {path[:200]} {str(more)[:200]}: {text}"
            assert response.status < 400 or response.content_type == "application/problem+json"


@pytest.fixture
async def attacker(gateway: Gateway) -> Attacker:
    """With a workspace and a chat of their own."""
    account = await gateway.register()
    site = await account.site()
    session = await gateway.ok("POST", f"/api/widget/{site['site_key']}/sessions", json={})
    return Attacker(account, site, session["visitor_token"])


async def test_odd_ids(attacker: Attacker) -> None:
    for route in [route for route in ROUTES if route.parameters]:
        for value in filter(None, ODD_TEXT):
            part = value[: 7000 // len(route.parameters)]  # a longer request line is refused before anyone reads it
            path = re.sub(r"\{\w+\}", part, route.plain_path)
            await attacker.send(route, path, **({"json": {}} if route.body else {}))


async def test_odd_queries(attacker: Attacker) -> None:
    for route in ROUTES:
        for name in route.query.model_fields if route.query else ():
            for value in ODD_TEXT:
                await attacker.send(route, f"{attacker.path(route)}?{name}={value}")


async def test_odd_fields(attacker: Attacker) -> None:
    for route in [route for route in ROUTES if route.body]:
        fields = list(route.body.model_fields) if route.body else []
        good = {name: value for name, value in attacker.base.items() if name in fields}
        for name in fields:
            for value in ODD_JSON:
                await attacker.send(route, attacker.path(route), json={**good, name: value})


@pytest.mark.parametrize(
    "name", [b"\x00", b"\xff.txt", b"a" * 3000 + b".txt", b"../../etc/passwd", b"a\r\nb.txt", b"a.txt"]
)
@pytest.mark.parametrize("data", [b"words in a file", b"\xff\xfe\x00", b"%PDF-1.4 broken", b"PK\x03\x04", b""])
async def test_odd_files(attacker: Attacker, name: bytes, data: bytes) -> None:
    [route] = [route for route in ALL if route.form is not None]
    parts = [
        b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n' + data,
        b'Content-Disposition: form-data; name="title"\r\n\r\n\xd0\xa2\x00',
    ]
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    await attacker.send(route, route.path, data=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
