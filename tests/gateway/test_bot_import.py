"""Bulk import against the Telegram simulator: a verdict a token, one bad token spoils no other, repeating is safe."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from domain.bots import importing
from simulators.telegram import RunningSimulator, running_simulator
from tests.gateway.running import Account, Gateway, running_gateway


@pytest.fixture
async def telegram() -> AsyncIterator[RunningSimulator]:
    """A simulator on the wall's clock."""
    async with running_simulator() as found:
        yield found


@pytest.fixture
async def gateway(settings: Any, telegram: RunningSimulator) -> AsyncIterator[Gateway]:
    """A gateway whose Telegram is the simulator; a workspace may have 40 bots."""
    changed = settings.model_copy(update={"telegram_api_url": telegram.url, "bots_max": 40})
    async with running_gateway(changed) as running:
        yield running


async def imported(account: Account, tokens: Any, **more: Any) -> tuple[dict[int, str], dict[str, int]]:
    """(line -> outcome, counts) of an import."""
    body = {"tokens": tokens, "assistant_id": account.ids.get("assistant") or await account.assistant(), **more}
    account.ids["assistant"] = body["assistant_id"]
    answer = await account.call("POST", "/api/bots/import", json=body)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    last = lines.pop()
    assert last["done"] is True
    assert Counter(line["outcome"] for line in lines) == last["counts"]
    for line in lines:
        assert (line["detail"] is None) == (line["outcome"] in {"connected", "yours", "renewed"})
    return {line["line"]: line["outcome"] for line in lines}, last["counts"]


async def test_every_token_gets_its_own_verdict(gateway: Gateway, telegram: RunningSimulator) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    tokens = [telegram.add_bot(username=f"b{n}_bot").token for n in range(30)]
    foreign = telegram.add_bot(username="bobs_bot").token
    await imported(bob, [foreign])
    dead = f"{tokens[0].partition(':')[0]}:{'x' * 35}"
    text = "\n".join(["# ours", *tokens[:15], "", "no token", dead, foreign, *(f"{t}  # comment" for t in tokens[15:])])

    outcomes, counts = await imported(ann, text, mode="webhook")
    assert counts == {"connected": 30, "invalid": 1, "refused": 2}
    assert [line for line, outcome in outcomes.items() if outcome == "invalid"] == [16]
    body = {"tokens": [dead, foreign], "assistant_id": ann.ids["assistant"]}
    answer = await ann.call("POST", "/api/bots/import", json=body)
    details = {json.loads(line).get("detail") for line in answer.text.splitlines()[:-1]}
    assert len(details) == 1  # nobody learns from it who has a bot
    assert all(token.partition(":")[2] not in answer.text for token in (dead, foreign))

    page = await ann.ok("GET", "/api/bots?limit=100")
    assert len(page["items"]) == 30
    assert {bot["mode"] for bot in page["items"]} == {"webhook"}
    _, again = await imported(ann, tokens)
    assert again == {"yours": 30}
    extra = [telegram.add_bot(username=f"c{n}_bot").token for n in range(12)]
    _, over = await imported(ann, extra)
    assert over == {"connected": 10, "limit": 2}


async def test_a_dead_bot_comes_back_with_its_new_token(gateway: Gateway, telegram: RunningSimulator) -> None:
    ann = await gateway.register()
    bot = telegram.add_bot(username="old_bot")
    await imported(ann, [bot.token])
    async with gateway.services.db.tenant_tx(ann.tenant_id) as conn:
        await conn.execute("UPDATE bots SET state = 'revoked' WHERE id = $1", bot.id)
    fresh = f"{bot.id}:{'N' * 35}"
    await _control(gateway, telegram, "revoke", {"bot": bot.id, "secret": "N" * 35})
    assert (await imported(ann, [fresh]))[1] == {"renewed": 1}
    assert (await ann.ok("GET", f"/api/bots/{bot.id}"))["state"] == "active"


async def test_telegram_away_or_asking_to_wait(
    gateway: Gateway, telegram: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await gateway.register()
    tokens = [telegram.add_bot(username=f"b{n}_bot").token for n in range(12)]
    await _control(gateway, telegram, "faults", {"method": "getMe", "action": "429", "retry_after": 1, "times": 1})
    assert (await imported(ann, tokens[:4]))[1] == {"connected": 4}
    assert len(telegram.calls("getMe")) == 5  # a short wait is kept, and the token asked for again

    await _control(gateway, telegram, "faults", {"method": "getMe", "action": "429", "retry_after": 900, "times": 1})
    counts = (await imported(ann, tokens[4:5]))[1]
    assert counts == {"later": 1}

    monkeypatch.setattr(importing, "GIVE_UP_AFTER", 2)
    await _control(gateway, telegram, "faults", {"method": "getMe", "action": "502", "times": 0})
    assert (await imported(ann, tokens[4:]))[1] == {"later": 8}
    async with gateway.session.delete(f"{telegram.url}/control/faults"):
        pass
    assert (await imported(ann, tokens))[1] == {"yours": 4, "connected": 8}


async def _control(gateway: Gateway, telegram: RunningSimulator, path: str, body: dict[str, Any]) -> None:
    async with gateway.session.post(f"{telegram.url}/control/{path}", json=body) as response:
        assert response.status == 200, await response.text()


async def test_bodies_that_are_refused_as_a_whole(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    assistant_id = await ann.assistant()
    for tokens in ([], "", "# nothing", ["1:a"] * 2001, 7):
        body = {"tokens": tokens, "assistant_id": assistant_id}
        assert (await ann.call("POST", "/api/bots/import", json=body)).status == 422
    for account, assistant in ((bob, assistant_id), (ann, str(uuid4()))):
        body = {"tokens": ["1:a"], "assistant_id": assistant}
        assert (await account.call("POST", "/api/bots/import", json=body)).status == 404
