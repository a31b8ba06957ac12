"""An answer that grows in Telegram: drafts in private chats, "typing" elsewhere, neither in the way of the answer."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from domain.bots import service as bots
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from shards import drafts
from tests.shards.outages import Assistant
from tests.shards.world import Sink, World, refusal, running_worker, until


async def _answering(
    world: World, settings: Settings, sink: Sink, *, chat: int = 77, text: str = "/help me"
) -> list[tuple[str, dict[str, Any]]]:
    """Let an assistant answer in three pieces; returns the ephemeral calls before the message."""
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    assistant = _Slow(pieces=("One. ", "Two. ", "Three."))
    async with running_worker(settings) as worker:
        assistant.serve(worker)
        await tenant.write(1001, 1, text, chat=chat)

        async def sent() -> bool:
            return bool(sink.texts())

        await until(sent, "the answer")
    names = [method for _, method, _ in sink.calls]
    return [(method, payload) for _, method, payload in sink.calls[: names.index("sendMessage")]]


class _Slow(Assistant):
    async def answer(self, question: Any, emit: Any) -> Any:
        for piece in self.pieces:
            await emit(piece)
            await asyncio.sleep(0.06)
        self.gate.set()
        return await Assistant(gate=self.gate).answer(question, emit)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "DRAFT_EVERY", 0.02)


async def test_a_private_chat_sees_the_answer_grow(world: World, shard_settings: Settings, sink: Sink) -> None:
    shown = await _answering(world, shard_settings, sink)
    assert shown[0] == ("sendChatAction", {"chat_id": 77, "action": "typing"})
    texts = [payload["text"] for method, payload in shown if method == "sendMessageDraft"]
    assert len(texts) >= 2
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
    assert len({payload["draft_id"] for method, payload in shown if method == "sendMessageDraft"} - {0}) == 1


async def test_a_group_sees_typing_only(world: World, shard_settings: Settings, sink: Sink) -> None:
    shown = await _answering(world, shard_settings, sink, chat=-100500)
    assert {method for method, _ in shown} == {"sendChatAction"}


async def test_where_drafts_are_refused_typing_does(world: World, shard_settings: Settings, sink: Sink) -> None:
    async def refuse(method: str, _: dict[str, Any]) -> web.StreamResponse | None:
        return refusal(400, "Bad Request: TEXTDRAFT_PEER_INVALID") if method == "sendMessageDraft" else None

    sink.answer = refuse
    shown = await _answering(world, shard_settings, sink)
    assert [method for method, _ in shown].count("sendMessageDraft") == 1


async def test_a_full_window_has_no_room_for_drafts(world: World, shard_settings: Settings, sink: Sink) -> None:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    async with world.db.tenant_tx(tenant.id) as conn:
        await bots.update(conn, tenant_id=tenant.id, bot_id=1001, rate=2)
    async with running_worker(shard_settings) as worker:

        async def ours() -> bool:
            return len(worker.bots) == 1 and slot in worker.sender._open

        slot = slot_of_bot(1001)
        await until(ours, "the bot to be loaded")
        results = [await worker.sender.send_ephemeral(1001, "sendChatAction", {"chat_id": 1}) for _ in range(5)]
    assert [result is not None for result in results] == [True, True, False, False, False]
