"""Broadcasts and jobs over the API: every wrong input has its sentence, every state its steps."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.kit import jobs
from tests.gateway.running import Account, Gateway
from tests.gateway.test_isolation import open_chat

BOT = 4711


@pytest.fixture
async def shop(gateway: Gateway) -> Account:
    """An owner with one bot and three private chats: two English, one Russian."""
    account = await gateway.register()
    account.ids["assistant"] = await account.assistant()
    async with gateway.services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            gateway.services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=UUID(account.ids["assistant"]),
            token=f"{BOT}:secret",
            me=Identity(BOT, "shop_bot", "Shop"),
            mode="webhook",
        )
    for chat, language in ((1, "en"), (2, "en-GB"), (3, "ru"), (-4, "en")):
        dialog = await open_chat(account, account.ids["assistant"], BOT, chat, language=language)
        account.ids[f"chat{chat}"] = str(dialog)
    return account


async def _draft(shop: Account, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await shop.ok("POST", "/api/broadcasts", json={"bot_id": BOT, "text": "**Sale!**", **fields})
    return made


async def _sql(shop: Account, sql: str, *arguments: Any) -> Any:
    async with shop.gateway.services.db.tenant_tx(shop.tenant_id) as conn:
        return await conn.fetchval(sql, *arguments)


def _in(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()  # the gateway's clock is the system's


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": " \n "}, "The text is empty"),
    ({"text": "x" * 4097}, "4097 characters"),
    ({"text": "nul\x00"}, "NUL"),
    ({"buttons": [{"text": "Go", "url": "javascript:alert(1)"}]}, "needs a link"),
    ({"buttons": [{"text": "Go", "url": "https://nowhere"}]}, "needs a link"),
    ({"buttons": [{"text": "  ", "url": "https://a.example"}]}, "label"),
    ({"buttons": [{"text": "Go", "url": "https://a.example"}] * 11}, "10 buttons"),
    ({"scheduled_at": _in(seconds=-5)}, "in the past"),
    ({"scheduled_at": _in(days=400)}, "more than a year"),
    ({"audience": {"language": "английский"}}, "language is a code"),
    ({"audience": {"active_days": 0}}, "days"),
    ({"audience": {"dialog_ids": []}}, "dialogs"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
async def test_a_wrong_input_has_its_sentence(shop: Account, fields: dict[str, Any], sentence: str) -> None:
    answer = await shop.call("POST", "/api/broadcasts", json={"bot_id": BOT, "text": "Sale", **fields})
    assert answer.status == 422
    assert sentence in answer.json["detail"]


async def test_the_text_is_measured_as_it_is_rendered(shop: Account) -> None:
    made = await _draft(shop, text="**" + "x" * 4096 + "**")
    assert made["state"] == "draft"


async def test_a_dry_count_follows_the_conditions(shop: Account) -> None:
    async def count(**audience: Any) -> tuple[int, int]:
        body = {"bot_id": BOT, "audience": audience}
        answer = await shop.ok("POST", "/api/broadcasts/preview", json=body)
        return answer["recipients"], answer["blocked"]

    assert await count() == (3, 0)  # not the group
    assert await count(language="en") == (2, 0)
    assert await count(language="EN-gb") == (1, 0)
    assert await count(dialog_ids=[shop.ids["chat3"], str(uuid4())]) == (1, 0)
    await _sql(shop, "UPDATE dialogs SET blocked_at = now() WHERE id = $1", UUID(shop.ids["chat1"]))
    assert await count() == (2, 1)
    await _sql(shop, """UPDATE contacts SET attributes = '{"tier": "gold"}' WHERE external_id = '3'""")
    assert await count(attribute={"name": "tier", "value": "gold"}) == (1, 0)
    assert await count(attribute={"name": "tier", "value": "tin"}) == (0, 0)
    assert await count(active_days=30) == (0, 0)  # nobody wrote
    await _sql(
        shop,
        "INSERT INTO messages (tenant_id, dialog_id, seq, id, role, text) VALUES ($1, $2, 1, $3, 'customer', 'hi')",
        shop.tenant_id,
        UUID(shop.ids["chat2"]),
        uuid4(),
    )
    assert await count(active_days=30) == (1, 0)


async def test_a_broadcast_goes_from_state_to_state(shop: Account) -> None:
    made = await _draft(shop, audience={"language": "en"}, buttons=[{"text": "Shop", "url": "https://a.example/x?y=1"}])
    path = f"/api/broadcasts/{made['id']}"
    for step in ("pause", "resume"):
        answer = await shop.call("POST", f"{path}/{step}")
        assert (answer.status, "has not been started" in answer.json["detail"]) == (409, True)
    changed = await shop.ok("PATCH", path, json={"title": "Summer"})
    assert (changed["title"], changed["text"], changed["audience"]["language"]) == ("Summer", "**Sale!**", "en")
    assert (await shop.ok("POST", f"{path}/start"))["state"] == "running"
    assert (await shop.call("PATCH", path, json={"text": "late"})).status == 409
    assert (await shop.ok("POST", f"{path}/pause"))["state"] == "paused"
    assert (await shop.ok("POST", f"{path}/resume"))["state"] == "running"
    assert (await shop.ok("POST", f"{path}/cancel"))["state"] == "cancelled"
    answer = await shop.call("POST", f"{path}/start")
    assert answer.json["detail"] == "This broadcast was cancelled; it cannot be started now."
    assert [item["id"] for item in (await shop.ok("GET", "/api/broadcasts?state=cancelled"))["items"]] == [made["id"]]
    assert (await shop.ok("GET", "/api/broadcasts?state=draft"))["items"] == []


async def test_a_time_makes_it_scheduled_and_no_time_a_draft_again(shop: Account) -> None:
    made = await _draft(shop, scheduled_at=_in(hours=1))
    path = f"/api/broadcasts/{made['id']}"
    assert (await shop.ok("POST", f"{path}/start"))["state"] == "scheduled"
    assert await _sql(shop, "SELECT run_at > now() + interval '50 minutes' FROM jobs WHERE kind = 'broadcast.run'")
    sooner = await shop.ok("PATCH", path, json={"scheduled_at": _in(minutes=5)})
    assert sooner["state"] == "scheduled"
    assert await _sql(shop, "SELECT run_at < now() + interval '6 minutes' FROM jobs WHERE kind = 'broadcast.run'")
    assert (await shop.ok("PATCH", path, json={"scheduled_at": None}))["state"] == "draft"
    assert (await shop.ok("POST", f"{path}/start"))["state"] == "running"


async def test_a_bot_that_cannot_send_starts_nothing(shop: Account) -> None:
    path = f"/api/broadcasts/{(await _draft(shop))['id']}"
    for state, sentence in (("paused", "is paused; resume it first"), ("revoked", "refuses the token")):
        await _sql(shop, "UPDATE bots SET state = $1", state)
        answer = await shop.call("POST", f"{path}/start")
        assert (answer.status, sentence in answer.json["detail"]) == (409, True)
    answer = await shop.call("POST", "/api/broadcasts", json={"bot_id": 12, "text": "x"})
    assert answer.status == 404


async def test_an_empty_audience_starts_nothing(shop: Account) -> None:
    path = f"/api/broadcasts/{(await _draft(shop, audience={'language': 'fr'}))['id']}"
    answer = await shop.call("POST", f"{path}/start")
    assert (answer.status, "Nobody would get it" in answer.json["detail"]) == (409, True)


async def test_an_operator_reads_but_does_not_send(shop: Account, gateway: Gateway) -> None:
    made = await _draft(shop)
    await _sql(shop, "UPDATE memberships SET role = 'operator'")
    body = {"email": shop.email, "password": "correct horse battery"}
    token = (await gateway.ok("POST", "/api/auth/login", json=body))["access_token"]
    assert (await gateway.call("GET", f"/api/broadcasts/{made['id']}", token=token)).status == 200
    assert (await gateway.call("POST", f"/api/broadcasts/{made['id']}/start", token=token)).status == 403


async def test_jobs_are_listed_tried_again_and_cancelled(shop: Account) -> None:
    async with shop.gateway.services.db.tenant_tx(shop.tenant_id) as conn:
        for key in ("a", "b"):
            await jobs.enqueue(conn, tenant_id=shop.tenant_id, kind="test", key=key, delay=3600)
    second, first = (await shop.ok("GET", "/api/jobs?kind=test"))["items"]
    page = await shop.ok("GET", "/api/jobs?limit=1")
    assert page["items"] == [second]
    assert (await shop.ok("GET", f"/api/jobs?limit=1&cursor={page['next_cursor']}"))["items"] == [first]
    await _sql(shop, "UPDATE jobs SET state = 'failed', error = 'no luck', attempts = 5 WHERE id = $1", first["id"])
    [failed] = (await shop.ok("GET", "/api/jobs?state=failed"))["items"]
    assert (failed["error"], failed["attempts"]) == ("no luck", 5)
    again = await shop.ok("POST", f"/api/jobs/{first['id']}/retry")
    assert (again["state"], again["attempts"], again["error"]) == ("ready", 0, None)
    assert (await shop.ok("POST", f"/api/jobs/{second['id']}/cancel"))["cancelled"]
    await _sql(shop, "UPDATE jobs SET state = 'failed' WHERE id = $1", first["id"])
    await shop.ok("POST", f"/api/jobs/{first['id']}/cancel")
    assert (await shop.call("GET", f"/api/jobs/{first['id']}")).status == 404


async def test_a_failed_job_is_not_tried_beside_a_newer_one(shop: Account) -> None:
    async with shop.gateway.services.db.tenant_tx(shop.tenant_id) as conn:
        await jobs.enqueue(conn, tenant_id=shop.tenant_id, kind="test", key="a")
        await conn.execute("UPDATE jobs SET state = 'failed'")
        await jobs.enqueue(conn, tenant_id=shop.tenant_id, kind="test", key="a")
    _, failed = (await shop.ok("GET", "/api/jobs"))["items"]
    answer = await shop.call("POST", f"/api/jobs/{failed['id']}/retry")
    assert (answer.status, "newer job" in answer.json["detail"]) == (409, True)


async def test_a_broadcasts_job_is_cancelled_with_it_only(shop: Account) -> None:
    await shop.ok("POST", f"/api/broadcasts/{(await _draft(shop))['id']}/start")
    [job] = (await shop.ok("GET", "/api/jobs"))["items"]
    answer = await shop.call("POST", f"/api/jobs/{job['id']}/cancel")
    assert (answer.status, answer.json["detail"]) == (409, "Pause or cancel the broadcast itself.")
