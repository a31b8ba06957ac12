"""Telegram's webhooks: durable before 200, once, only with both secrets; nothing is lost to a bad body."""

import io
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.kit.slots import slot_of_bot
from gateway.bodies import JSON_MAX
from gateway.routes.telegram import SECRET_HEADER, source_id
from tests.gateway.running import Account, Answer, Gateway


class Hook:
    """A connected bot, and Telegram calling it."""

    def __init__(self, account: Account, bot_id: int) -> None:
        self.account = account
        self.bot_id = bot_id
        self.secrets = bots.secrets_of(account.gateway.services.keyring, bot_id)

    async def post(self, body: Any, *, secret: str | None = None, gateway: Gateway | None = None) -> Answer:
        """Deliver an update."""
        data = io.BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
        headers = {"Content-Type": "application/json", SECRET_HEADER: self.secrets.header if secret is None else secret}
        target = gateway or self.account.gateway
        return await target.call("POST", f"/telegram/{self.secrets.path}", data=data, headers=headers)

    async def stored(self) -> list[Any]:
        """What the inbox holds."""
        async with self.account.gateway.services.db.tenant_tx(self.account.tenant_id) as conn:
            return list(
                await conn.fetch(
                    "SELECT slot, channel, source, source_id, raw, state FROM inbox WHERE tenant_id = $1 ORDER BY id",
                    self.account.tenant_id,
                )
            )


@pytest.fixture
async def hook(gateway: Gateway) -> Hook:
    """A webhook bot of a new tenant."""
    account = await gateway.register()
    bot_id = uuid4().int % 10**9 + 1
    async with gateway.services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            gateway.services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=UUID(await account.assistant()),
            token=f"{bot_id}:secret",
            me=Identity(bot_id, "shop_bot", "Shop"),
            mode="webhook",
        )
    return Hook(account, bot_id)


def update(update_id: int) -> dict[str, Any]:
    """A text message."""
    chat = {"id": 7, "type": "private"}
    return {"update_id": update_id, "message": {"message_id": 1, "date": 0, "chat": chat, "text": "hello"}}


async def test_an_update_is_stored_as_it_came(hook: Hook) -> None:
    raw = orjson.dumps(update(10))
    assert (await hook.post(raw)).status == 200
    [row] = await hook.stored()
    assert row["raw"] == raw
    assert (row["channel"], row["source"], row["source_id"]) == ("telegram", str(hook.bot_id), "10")
    assert row["slot"] == slot_of_bot(hook.bot_id)
    assert row["state"] == "ready"


async def test_a_repeated_update_is_stored_once_over_all_gateways(hook: Hook, second_gateway: Gateway) -> None:
    for _ in range(2):
        assert (await hook.post(update(10))).status == 200
    assert (await hook.post(update(10), gateway=second_gateway)).status == 200
    assert (await hook.post(update(9))).status == 200
    assert [row["source_id"] for row in await hook.stored()] == ["10", "9"]


async def test_a_wrong_secret_or_path_stores_nothing(hook: Hook) -> None:
    assert (await hook.post(update(1), secret="wrong")).status == 403
    assert (await hook.post(update(1), secret="")).status == 403
    assert (await hook.post(update(1), secret="é")).status == 403
    gateway = hook.account.gateway
    for _ in range(2):
        assert (await gateway.call("POST", f"/telegram/{'x' * 43}", json=update(1))).status == 404
    assert await hook.stored() == []


@pytest.mark.parametrize("path", ["unknown", "x" * 42, "x" * 44, "x" * 42 + ".", "x" * 42 + "%00", "x" * 43 + "/"])
async def test_what_cannot_be_a_secret_is_never_looked_up(gateway: Gateway, path: str) -> None:
    await gateway.services.db.pools["app"].close()
    assert (await gateway.call("POST", f"/telegram/{path}", json=update(1))).status == 404


async def test_guesses_push_no_bot_out_of_memory(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = hook.account.gateway
    monkeypatch.setattr("gateway.remembered.KNOWN_MAX", 2)
    monkeypatch.setattr("gateway.remembered.UNKNOWN_MAX", 2)
    monkeypatch.setattr(gateway.services.webhooks._remembered, "_ttl", 1000.0)
    assert (await hook.post(update(1))).status == 200
    guesses = [f"{number:043}" for number in range(5)]
    for guess in guesses:
        assert (await gateway.call("POST", f"/telegram/{guess}", json=update(1))).status == 404
    await gateway.services.db.pools["app"].close()
    assert (await hook.post(update(2))).status == 503  # known: refused by the inbox, not by the look-up
    found = await gateway.services.webhooks.find(hook.secrets.path)
    assert found is not None
    assert found.bot_id == hook.bot_id
    assert (await gateway.call("POST", f"/telegram/{guesses[-1]}", json=update(1))).status == 404
    assert (await gateway.call("POST", f"/telegram/{guesses[0]}", json=update(1))).status == 503


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b'{"update_id": "x"}', b"\xff\x00\xfe", b"null"])
async def test_a_body_that_is_no_update_is_kept_too(hook: Hook, raw: bytes) -> None:
    for _ in range(2):
        assert (await hook.post(raw)).status == 200
    [row] = await hook.stored()
    assert row["raw"] == raw
    assert row["source_id"].startswith("raw:")


async def test_a_paused_bot_still_stores(hook: Hook) -> None:
    await hook.account.ok("PATCH", f"/api/bots/{hook.bot_id}", json={"state": "paused"})
    assert (await hook.post(update(1))).status == 200
    assert len(await hook.stored()) == 1


async def test_a_body_over_a_mebibyte_is_refused(hook: Hook) -> None:
    answer = await hook.post(b"{" + b" " * JSON_MAX)
    assert answer.status == 413
    assert await hook.stored() == []


async def test_without_postgres_telegram_is_asked_to_come_again(hook: Hook) -> None:
    assert (await hook.post(update(1))).status == 200
    await hook.account.gateway.services.db.pools["app"].close()
    answer = await hook.post(update(2))
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_removed_bot_is_gone_after_a_moment(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook.account.gateway.services.webhooks._remembered, "_ttl", 0.0)
    assert (await hook.post(update(1))).status == 200
    await hook.account.ok("DELETE", f"/api/bots/{hook.bot_id}")
    assert (await hook.post(update(2))).status == 404


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"update_id":5,"message":{}}', "5"),
        (b' { "update_id" : 5 }', "5"),
        (b'{"message":{"update_id":6},"update_id":5}', "5"),
        (b'{"update_id":5.5}', None),
        (b'{"update_id":true}', None),
        (b'{"update_id":123456789012345678901}', None),
    ],
)
def test_the_update_id_is_found_cheaply_and_right(raw: bytes, expected: str | None) -> None:
    found = source_id(raw)
    assert found == expected if expected else found.startswith("raw:")
