"""Two tenants: whatever belongs to one does not exist for the other, on every route."""

import re
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.bots.updates import Attachment
from domain.dialogs import DialogLog, MessageDraft, Opening, attachments
from domain.dialogs.opening import lock_or_open
from domain.handoff import service as handoff
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of, slot_of_bot
from gateway.routes import ALL
from gateway.routing import Route
from tests.gateway.running import Account, Gateway

# What a valid body is, where the route wants one: the refusal must come from the id, not from the body.
BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/api/assistants/{assistant_id}"): {"name": "Eve"},
    ("PATCH", "/api/sites/{site_id}"): {"name": "Eve"},
    ("PATCH", "/api/bots/{bot_id}"): {"state": "paused"},
    ("PATCH", "/api/qa/{pair_id}"): {"answer": "Eve"},
    ("PATCH", "/api/broadcasts/{broadcast_id}"): {"title": "Eve"},
    ("PATCH", "/api/dialogs/{dialog_id}"): {"mode": "active"},
    ("POST", "/api/dialogs/{dialog_id}/messages"): {"text": "Eve"},
}


async def open_dialog(account: Account, assistant_id: str) -> UUID:
    """A web dialog with a message and a request for a person, as a shard would have made it."""
    dialog_id = uuid7()
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        opening = Opening(
            tenant_id=account.tenant_id,
            channel="web",
            source=str(uuid4()),
            address=str(dialog_id),
            dialog_id=dialog_id,
            slot=slot_of(dialog_id),
            assistant_id=UUID(assistant_id),
            external_id=str(uuid4()),
        )
        locked = await lock_or_open(conn, [opening])
        log = DialogLog(conn)
        log.adopt(locked.values())
        files = attachments.described([Attachment("document", "f1")])
        draft = MessageDraft(id=uuid7(), role="customer", text="secret question", attachments=files)
        log.append(locked[opening.key], draft)
        await log.flush()
        await attachments.settle(
            conn,
            tenant_id=account.tenant_id,
            message_id=draft.id,
            file_id="f1",
            n=0,
            state="stored",
            data=b"secret",
        )
        await handoff.request(conn, tenant_id=account.tenant_id, dialog_id=dialog_id, reason="asked")
    return dialog_id


async def bury(account: Account) -> str:
    """A dead letter's id."""
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        row_id = await conn.fetchval(
            "INSERT INTO inbox (tenant_id, slot, channel, source, source_id, raw, state, done_at)"
            " VALUES ($1, 0, 'telegram', '1', '1', 'secret', 'dead', now()) RETURNING id",
            account.tenant_id,
        )
    return f"inbox-{row_id}"


async def open_chat(account: Account, assistant_id: str, bot_id: int, chat: int = 1, **more: Any) -> UUID:
    """A private chat with a bot, as a shard would have made it."""
    opening = Opening(
        tenant_id=account.tenant_id,
        channel="telegram",
        source=str(bot_id),
        address=str(chat),
        dialog_id=uuid7(),
        slot=slot_of_bot(bot_id),
        assistant_id=UUID(assistant_id),
        external_id=str(chat),
        **more,
    )
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        return (await lock_or_open(conn, [opening]))[opening.key].id


async def furnish(account: Account) -> dict[str, str]:
    """One of everything; path parameter -> id."""
    assistant_id = await account.assistant()
    form = aiohttp.FormData({"assistant_id": assistant_id})
    form.add_field("file", b"# Returns\n\nYou can return an item within 30 days.", filename="returns.md")
    document = await account.ok("POST", "/api/documents", data=form)
    pair = await account.ok("POST", "/api/qa", json={"question": "How do I return it?", "answer": "By post."})
    bot_id = uuid4().int % 10**9 + 1
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            account.gateway.services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=UUID(assistant_id),
            token=f"{bot_id}:secret",
            me=Identity(bot_id, "shop_bot", "Shop"),
            mode="webhook",
        )
    await open_chat(account, assistant_id, bot_id)
    broadcast = await account.ok("POST", "/api/broadcasts", json={"bot_id": bot_id, "text": "secret offer"})
    return {
        "broadcast_id": broadcast["id"],
        "job_id": str((await account.ok("GET", "/api/jobs"))["items"][0]["id"]),
        "assistant_id": assistant_id,
        "document_id": document["id"],
        "pair_id": pair["id"],
        "bot_id": str(bot_id),
        "site_id": (await account.site())["id"],
        "dialog_id": str(await open_dialog(account, assistant_id)),
        "letter_id": await bury(account),
        "seq": "1",
        "n": "0",
    }


def filled(route: Route, ids: dict[str, str]) -> str:
    """The route's path with the ids in it."""
    return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], route.plain_path)


WITH_IDS = [route for route in ALL if route.parameters and route.auth in {"member", "owner"}]


@pytest.fixture
async def ids(gateway: Gateway) -> tuple[Account, Account, dict[str, str]]:
    """Ann with one of everything, and Bob."""
    ann, bob = await gateway.register(), await gateway.register("bob")
    return ann, bob, await furnish(ann)


async def test_foreign_ids_do_not_exist(ids: tuple[Account, Account, dict[str, str]]) -> None:
    ann, bob, own = ids
    for route in sorted(WITH_IDS, key=lambda route: route.method == "DELETE"):
        body = BODIES.get((route.method, route.plain_path))
        assert (body is None) == (route.body is None), f"give a valid body for {route.method} {route.path}"
        answer = await bob.call(route.method, filled(route, own), **({"json": body} if body else {}))
        assert answer.status == 404, f"{route.method} {route.path}: {answer.text}"
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    for route in WITH_IDS:
        if route.method == "GET":
            assert (await ann.call("GET", filled(route, own))).status == 200, f"Ann lost {route.path}"


async def test_the_owner_may_use_every_route(ids: tuple[Account, Account, dict[str, str]]) -> None:
    ann, _, own = ids
    order = ("assistant_id", "bot_id", "site_id")
    for route in sorted(WITH_IDS, key=lambda route: (route.method == "DELETE", order[0] in route.parameters)):
        if route.method == "DELETE" and "assistant_id" in route.parameters:
            continue  # the bot and the site of other assistants do not hold it; see test_resources
        if "seq" in route.parameters or (route.method == "DELETE" and "letter_id" in route.parameters):
            continue  # the message arrived, see test_resending; the dead letter was retried before
        body = BODIES.get((route.method, route.plain_path))
        answer = await ann.call(route.method, filled(route, own), **({"json": body} if body else {}))
        assert answer.status < 300, f"{route.method} {route.path}: {answer.text}"


async def test_lists_hold_only_the_own(ids: tuple[Account, Account, dict[str, str]]) -> None:
    ann, bob, _ = ids
    lists = [route for route in ALL if route.method == "GET" and route.auth == "member" and not route.parameters]
    for route in lists:
        answer = await bob.ok("GET", route.path)
        if "items" in answer:
            assert answer == {"items": [], "next_cursor": None}, route.path
            assert (await ann.ok("GET", route.path))["items"], route.path


async def test_foreign_assistants_cannot_be_used(ids: tuple[Account, Account, dict[str, str]]) -> None:
    _, bob, own = ids
    foreign = own["assistant_id"]
    form = aiohttp.FormData({"assistant_id": foreign})
    form.add_field("file", b"some words in a file", filename="a.txt")
    site = await bob.site()
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/sites", {"json": {"name": "x", "assistant_id": foreign}}),
        ("PATCH", f"/api/sites/{site['id']}", {"json": {"assistant_id": foreign}}),
        ("POST", "/api/qa", {"json": {"question": "What now?", "answer": "x", "assistant_id": foreign}}),
        ("POST", "/api/documents", {"data": form}),
        ("POST", "/api/documents/search", {"json": {"question": "x", "assistant_id": foreign}}),
    ]
    for method, path, more in attempts:
        answer = await bob.call(method, path, **more)
        assert answer.status == 404, f"{method} {path}: {answer.text}"


async def test_a_foreign_dialog_cannot_be_followed(ids: tuple[Account, Account, dict[str, str]]) -> None:
    ann, bob, own = ids
    path = f"/events?dialog={own['dialog_id']}"
    assert (await bob.call("GET", path)).status == 404
    site = await ann.site()
    session = await ann.gateway.ok("POST", f"/api/widget/{site['site_key']}/sessions", json={})
    assert (await ann.gateway.call("GET", path, token=session["visitor_token"])).status == 404


async def test_a_visitor_token_is_good_for_its_own_site_only(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    mine, other = await ann.site(), await bob.site()
    session = await gateway.ok("POST", f"/api/widget/{mine['site_key']}/sessions", json={})
    body = {"client_id": str(uuid4()), "text": "hello"}
    path = f"/api/widget/{other['site_key']}/messages"
    assert (await gateway.call("POST", path, token=session["visitor_token"], json=body)).status == 401
    again = {"visitor_token": session["visitor_token"]}
    fresh = await gateway.ok("POST", f"/api/widget/{other['site_key']}/sessions", json=again)
    assert fresh["dialog_id"] != session["dialog_id"]
    assert (await gateway.call("GET", "/api/dialogs", token=session["visitor_token"])).status == 401
