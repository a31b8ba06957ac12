"""The widget's API and pages: sessions, messages, origins, what browsers are told."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from domain.dialogs.web import WebMessage
from tests.gateway.conversation import visit
from tests.gateway.running import Gateway

MANIFEST = {"loader.js": "aaaa", "chat.js": "bbbb", "chat.css": "cccc"}


@pytest.fixture
def built(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built widget in a folder of this test's own."""
    folder = tmp_path / "static"
    (folder / "widget").mkdir(parents=True)
    for name in MANIFEST:
        (folder / "widget" / name).write_text(f"/* {name} */")
    (folder / "widget" / "manifest.json").write_bytes(orjson.dumps(MANIFEST))
    monkeypatch.setattr(gateway.services.files, "_folder", folder)
    return folder


async def test_a_session_has_everything_the_chat_shows(gateway: Gateway) -> None:
    account = await gateway.register()
    assistant = await account.assistant(greeting={"ru": "Привет!", "en": "Hi!"}, suggestions={"ru": ["Где мой заказ?"]})
    theme = {"accent": "#FF0066", "position": "left"}
    site = await account.site(assistant_id=assistant, theme=theme)
    path = f"/api/widget/{site['site_key']}/sessions"
    session = await gateway.ok("POST", path, json={"locale": "ru-RU", "page_url": "https://shop.example/x"})
    assert session["locale"] == "ru"
    assert session["greeting"] == "Привет!"
    assert session["suggestions"] == ["Где мой заказ?"]
    assert session["assistant"] == {"name": "Mia"}
    assert session["theme"] == {"accent": "#ff0066", "position": "left"}
    assert (session["mode"], session["last_seq"], session["messages"]) == ("ai", 0, [])
    other = await gateway.ok("POST", path, json={"locale": "de"})
    assert (other["locale"], other["greeting"], other["suggestions"]) == ("en", "Hi!", [])
    assert other["dialog_id"] != session["dialog_id"]


async def test_a_visitor_comes_back_to_the_same_dialog(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("one", client_id="c1")
    await visitor.dialog.say("two", role="assistant", citations=[{"n": 1, "title": "Returns"}])
    path = f"/api/widget/{visitor.site['site_key']}/sessions"
    again = await gateway.ok("POST", path, json={"visitor_token": visitor.token})
    assert again["dialog_id"] == visitor.session["dialog_id"]
    assert again["last_seq"] == 2
    assert [message["text"] for message in again["messages"]] == ["one", "two"]
    assert again["messages"][1]["citations"] == [{"n": 1, "title": "Returns"}]
    assert again["messages"][0]["created_at"].endswith("Z")
    for token in ("rubbish", visitor.token[:-3] + "abc", ""):
        fresh = await gateway.ok("POST", path, json={"visitor_token": token})
        assert fresh["dialog_id"] != visitor.session["dialog_id"]


async def test_a_message_is_stored_once_and_as_the_shards_read_it(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    client_id = str(uuid4())
    for _ in range(2):
        answer = await visitor.send("  Как вернуть товар? 🦊 ", client_id)
        assert answer.status == 202
        assert answer.json == {"client_id": client_id}
    async with gateway.services.db.tenant_tx(visitor.dialog.tenant_id) as conn:
        [row] = await conn.fetch(
            "SELECT slot, source, raw FROM inbox WHERE tenant_id = $1 AND channel = 'web'", visitor.dialog.tenant_id
        )
    message = WebMessage.from_bytes(row["raw"])
    assert message.text == "Как вернуть товар? 🦊"
    assert message.dialog_id == UUID(visitor.session["dialog_id"]) == UUID(row["source"])
    assert message.assistant_id == UUID(visitor.site["assistant_id"])
    assert message.client_id == client_id
    assert row["slot"] == visitor.dialog.slot


async def test_a_visitor_who_floods_is_slowed_down(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    statuses = [(await visitor.send(str(number))).status for number in range(25)]
    assert statuses[:20] == [202] * 20
    assert 429 in statuses[20:]


async def test_only_allowed_sites_may_open_a_chat(gateway: Gateway) -> None:
    site = await (await gateway.register()).site(allowed_origins=["https://Shop.example/", "http://localhost:3000"])
    assert site["allowed_origins"] == ["https://shop.example", "http://localhost:3000"]
    path = f"/api/widget/{site['site_key']}/sessions"

    async def status(body: dict[str, str], **headers: str) -> int:
        return (await gateway.call("POST", path, json=body, headers=headers)).status

    assert await status({"page_url": "https://shop.example/cart?x=1"}) == 200
    assert await status({"page_url": "http://localhost:3000"}) == 200
    assert await status({"page_url": f"{gateway.url}/chat/{site['site_key']}"}) == 200
    assert await status({}, Origin=gateway.url) == 200
    assert await status({"page_url": "https://evil.example/"}) == 403
    assert await status({"page_url": "https://shop.example.evil.example/"}) == 403
    assert await status({"page_url": "http://shop.example/"}) == 403
    assert await status({}, Origin="https://evil.example") == 403


@pytest.mark.parametrize("origin", ["shop.example", "ftp://shop.example", "https://a b", "javascript:alert(1)", ""])
async def test_an_origin_that_is_none_is_refused(gateway: Gateway, origin: str) -> None:
    account = await gateway.register()
    body = {"name": "x", "assistant_id": await account.assistant(), "allowed_origins": [origin]}
    answer = await account.call("POST", "/api/sites", json=body)
    assert answer.status == 422
    assert "https://shop.example" in answer.json["detail"]


async def test_an_unknown_or_paused_site(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.services.places._remembered, "_ttl", 0.0)
    assert (await gateway.call("POST", "/api/widget/nothing/sessions", json={})).status == 404
    account = await gateway.register()
    site = await account.site()
    await account.ok("PATCH", f"/api/sites/{site['id']}", json={"state": "paused"})
    answer = await gateway.call("POST", f"/api/widget/{site['site_key']}/sessions", json={})
    assert answer.status == 403
    assert "switched off" in answer.json["detail"]


async def test_guessed_keys_are_remembered_and_push_no_site_out(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.remembered.KNOWN_MAX", 2)
    monkeypatch.setattr(gateway.services.places._remembered, "_ttl", 1000.0)
    account = await gateway.register()
    site = await account.site()
    path = f"/api/widget/{site['site_key']}/sessions"
    await gateway.ok("POST", path, json={})
    for number in range(5):
        assert (await gateway.call("POST", f"/api/widget/{number}/sessions", json={})).status == 404
    await gateway.services.db.pools["app"].close()
    assert (await gateway.services.places.open_site(site["site_key"])).site_key == site["site_key"]
    answer = await gateway.call("POST", "/api/widget/0/sessions", json={})
    assert answer.status == 404
    assert "copy the embed code" in answer.json["detail"]


async def test_the_chat_page_names_who_may_embed_it(gateway: Gateway, built: Path) -> None:
    account = await gateway.register()
    site = await account.site(name='<b>"Shop"</b>', allowed_origins=["https://shop.example"])
    page = await gateway.call("GET", f"/chat/{site['site_key']}?embed=1")
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://shop.example" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert f'data-site="{site["site_key"]}"' in page.text
    assert "/static/widget/chat.js?v=bbbb" in page.text
    assert "<b>" not in page.text
    assert (await gateway.call("GET", "/chat/unknown")).status == 404


async def test_built_files_and_their_caches(gateway: Gateway, built: Path) -> None:
    loader = await gateway.call("GET", "/widget.js")
    assert loader.text == "/* loader.js */"
    assert loader.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert loader.headers["Cache-Control"] == "public, max-age=300"
    assert loader.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    chat = await gateway.call("GET", "/static/widget/chat.js?v=bbbb")
    assert "immutable" in chat.headers["Cache-Control"]
    (built / "widget" / "loader.js").write_text("/* newer */")
    assert (await gateway.call("GET", "/widget.js")).text in {"/* newer */", "/* loader.js */"}


@pytest.mark.parametrize(
    "path",
    ["widget/none.js", "..%2f..%2fapp.py", "%2e%2e/%2e%2e/app.py", "widget/../../app.py", "widget/.hidden", "x%00"],
)
async def test_static_serves_nothing_else(gateway: Gateway, built: Path, path: str) -> None:
    (built / "widget" / ".hidden").write_text("secret")
    assert (await gateway.call("GET", f"/static/{path}")).status == 404


async def test_a_widget_that_was_not_built_says_so(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.services.files, "_folder", tmp_path)
    site: dict[str, Any] = await (await gateway.register()).site()
    for path in ("/widget.js", f"/chat/{site['site_key']}"):
        answer = await gateway.call("GET", path)
        assert answer.status == 503
        assert "make widget" in answer.json["detail"]
