"""A token that dies while there is something to send: nothing is lost, everything goes out with the next one."""

from typing import Any

import pytest
from aiohttp import web

from domain.bots import service as bots
from domain.kit.settings import Settings
from domain.outbox import rules
from tests.shards.test_outbox import BOT, draft, put, states
from tests.shards.world import Sink, World, refusal, running_worker, until

NEW_TOKEN = f"{BOT}:{'B' * 35}"


async def test_replies_wait_for_the_next_token(
    world: World, shard_settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "TOKEN_PAUSE", 0.1)
    tenant = await world.add_tenant()
    await tenant.add_bot(BOT)
    dead = True

    async def answer(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(401, "Unauthorized") if dead and method == "sendMessage" else None

    sink.answer = answer
    async with running_worker(shard_settings) as worker:
        await put(tenant, draft(tenant, 1, "first"), draft(tenant, 1, "second"), draft(tenant, 2, "other"))
        worker.sender.ring()

        async def revoked() -> bool:
            rows = await tenant.rows("SELECT state, last_error FROM bots WHERE id = $1", BOT)
            known = worker.bots.known(BOT)
            return rows[0]["state"] == "revoked" and known is not None and known.state == "revoked"

        await until(revoked, "the bot to be revoked")
        await states(tenant, "ready", "ready", "ready")
        assert "second" not in sink.texts()
        dead = False
        sealed = world.keyring.seal(NEW_TOKEN, place=bots.token_place(tenant.id, BOT))
        async with world.db.tenant_tx(tenant.id) as conn:
            await bots.update(conn, tenant_id=tenant.id, bot_id=BOT, token_sealed=sealed)
        before = len(sink.calls)
        worker.bots.changed(BOT)
        await states(tenant, "sent", "sent", "sent")
    sent = [(token, payload["text"]) for token, method, payload in sink.calls[before:] if method == "sendMessage"]
    assert sorted(sent) == [(NEW_TOKEN, "first"), (NEW_TOKEN, "other"), (NEW_TOKEN, "second")]
    assert sent.index((NEW_TOKEN, "first")) < sent.index((NEW_TOKEN, "second"))
    assert (await tenant.rows("SELECT count(*) AS n FROM outbox WHERE error IS NOT NULL"))[0]["n"] == 0
