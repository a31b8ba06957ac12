"""Answers that grow in a message, where Telegram takes no drafts: in the end there is one message with the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from domain.answering.model import Answer, Emit, Question
from domain.kit.settings import Settings
from shards import drafts
from simulators.telegram.groups import Groups
from tests.shards.outages import Assistant, crash
from tests.shards.shop import BOT, Shop
from tests.shards.world import Sink, Tenant, World, refusal, running_worker, until

WHOLE = "The whole answer."
GROUP, PRIVATE = -100500, 77


@dataclass
class Growing(Assistant):
    """Says a word every few milliseconds until `gate` is open, then gives the whole answer."""

    whole: str = WHOLE

    async def answer(self, question: Question, emit: Emit) -> Answer:
        self.asked.append(question.text)
        while not self.gate.is_set():
            await emit("word ")
            await asyncio.sleep(0.02)
        return Answer(self.whole)


@dataclass
class Chat:
    """What Telegram shows of a chat, out of the calls that it granted; drafts are refused. `script` answers first."""

    script: Callable[[str, dict[str, Any]], Awaitable[web.StreamResponse | None]] | None = None
    messages: dict[int, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)  # (method, text) as granted

    async def __call__(self, method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessageDraft":
            return refusal(400, "Bad Request: TEXTDRAFT_PEER_INVALID")
        if method not in {"sendMessage", "editMessageText", "deleteMessage"}:
            return None
        if self.script is not None and (given := await self.script(method, payload)) is not None:
            return given
        number = payload.get("message_id", len(self.log) + 1000)
        if method != "sendMessage" and number not in self.messages:
            return refusal(400, "Bad Request: message to edit not found")
        self.log.append((method, payload.get("text", "")))
        if method == "deleteMessage":
            del self.messages[number]
            return None
        self.messages[number] = payload["text"]
        return web.json_response({"ok": True, "result": {"message_id": number}})

    def calls(self, method: str) -> list[str]:
        """The texts of a method's granted calls."""
        return [text for name, text in self.log if name == method]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "PREVIEW_AFTER", 0.05)
    monkeypatch.setattr(drafts, "EDIT_EVERY", 0.05)
    monkeypatch.setattr(drafts, "SETTLE", 0.1)


@pytest.fixture
def chat(sink: Sink) -> Chat:
    """The only chat of the bot."""
    shown = Chat()
    sink.answer = shown
    return shown


async def _ask(world: World, *, chat: int = GROUP) -> Tenant:
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    await tenant.write(1001, 1, "/help me", chat=chat)
    return tenant


async def _settled(tenant: Tenant) -> None:
    """Wait until the answer was sent and nothing else is to be."""

    async def over() -> bool:
        waiting = await tenant.rows("SELECT 1 FROM outbox WHERE state IN ('ready', 'sending')")
        return await tenant.delivery() == [(WHOLE, "sent")] and not waiting

    await until(over, "the answer to be sent")


async def _edited(chat: Chat) -> None:
    async def edited() -> bool:
        return bool(chat.calls("editMessageText"))

    await until(edited, "an edit")


async def test_an_answer_grows_in_a_group(world: World, shard_settings: Settings, chat: Chat) -> None:
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant = Growing()
        assistant.serve(worker)
        await _edited(chat)
        assistant.gate.set()
        await _settled(tenant)
    assert list(chat.messages.values()) == [WHOLE]
    assert len(chat.calls("sendMessage")) == 1
    grown = [text for _, text in chat.log[:-1]]
    assert all(len(longer) > len(shorter) for shorter, longer in pairwise(grown))


async def test_where_drafts_are_refused_an_answer_grows_too(world: World, shard_settings: Settings, chat: Chat) -> None:
    tenant = await _ask(world, chat=PRIVATE)
    async with running_worker(shard_settings) as worker:
        assistant = Growing()
        assistant.serve(worker)
        await _edited(chat)
        assistant.gate.set()
        await _settled(tenant)
    assert list(chat.messages.values()) == [WHOLE]
    assert len(chat.calls("sendMessage")) == 1


async def test_who_comes_after_a_death_goes_on_in_the_same_message(
    world: World, shard_settings: Settings, chat: Chat
) -> None:
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        Growing().serve(worker)
        await _edited(chat)
        await crash(worker)
    async with running_worker(shard_settings) as worker:
        assistant = Growing()
        assistant.gate.set()
        assistant.serve(worker)
        await _settled(tenant)
    assert list(chat.messages.values()) == [WHOLE]
    assert len(chat.calls("sendMessage")) == 1


@pytest.mark.parametrize(("refused", "code"), [("sendMessage", 400), ("sendMessage", 429), ("editMessageText", 429)])
async def test_a_preview_that_is_refused_keeps_no_answer_back(
    world: World, shard_settings: Settings, chat: Chat, refused: str, code: int
) -> None:
    assistant = Growing()
    refusals: list[str] = []

    async def refuse(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method != refused or payload["text"] == WHOLE:
            return None
        refusals.append(payload["text"])
        assistant.gate.set()
        return refusal(code, "No", **({"retry_after": 1} if code == 429 else {}))

    chat.script = refuse
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)
        await _settled(tenant)
    assert len(refusals) == 1
    assert list(chat.messages.values()) == [WHOLE]


async def test_a_preview_that_is_late_is_deleted(world: World, shard_settings: Settings, chat: Chat) -> None:
    assistant = Growing()

    async def late(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage" and payload["text"] != WHOLE:
            assistant.gate.set()

            async def answered() -> bool:
                return bool(await tenant.answers())

            await until(answered, "the answer to be committed")
        return None

    chat.script = late
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)
        await _settled(tenant)

        async def alone() -> bool:
            return list(chat.messages.values()) == [WHOLE]

        await until(alone, "the preview to be deleted")
    assert chat.calls("sendMessage")[1:] == [WHOLE]


async def test_an_edit_that_may_still_arrive_cannot_undo_the_answer(
    world: World, shard_settings: Settings, chat: Chat
) -> None:
    assistant, edit = Growing(), asyncio.Event()

    async def slow(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "editMessageText":
            assistant.gate.set()
            await edit.wait()
        return None

    chat.script = slow
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)
        await _settled(tenant)
        edit.set()
    assert list(chat.messages.values()) == [WHOLE]
    assert chat.calls("deleteMessage") == [""]


async def test_a_preview_that_somebody_deleted_becomes_a_new_message(
    world: World, shard_settings: Settings, chat: Chat
) -> None:
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant = Growing()
        assistant.serve(worker)
        await _edited(chat)
        chat.messages.clear()
        assistant.gate.set()
        await _settled(tenant)
    assert list(chat.messages.values()) == [WHOLE]
    assert chat.calls("sendMessage")[1:] == [WHOLE]


async def test_where_a_person_took_over_the_preview_is_deleted(
    world: World, shard_settings: Settings, chat: Chat
) -> None:
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant = Growing()
        assistant.serve(worker)
        await _edited(chat)
        async with world.db.worker_tx() as conn:
            await conn.execute("UPDATE dialogs SET mode = 'active' WHERE tenant_id = $1", tenant.id)
        assistant.gate.set()

        async def gone() -> bool:
            return not chat.messages

        await until(gone, "the preview to be deleted")
    assert await tenant.answers() == []


async def test_a_preview_whose_outcome_is_unknown_is_not_sent_again(
    world: World, shard_settings: Settings, sink: Sink, chat: Chat
) -> None:
    assistant = Growing()
    lost: list[str] = []

    async def broken(method: str, payload: dict[str, Any]) -> web.StreamResponse | None:
        if method == "sendMessage" and payload["text"] != WHOLE:
            lost.append(payload["text"])
            return web.Response(status=502)
        return None

    chat.script = broken
    tenant = await _ask(world)
    async with running_worker(shard_settings) as worker:
        assistant.serve(worker)

        async def judged() -> bool:
            return bool(await tenant.rows("SELECT 1 FROM outbox WHERE state = 'uncertain'")) or len(lost) > 1

        await until(judged, "the preview's outcome")
        assistant.gate.set()
        await _settled(tenant)
    assert len(lost) == 1
    assert sink.texts()[1:] == [WHOLE]


async def test_a_topic_sees_a_long_answer_grow_and_gets_it_whole(shop: Shop) -> None:
    chat = shop.sim.world.add_group("Forum", "supergroup")
    groups = Groups(shop.sim.core)
    for member in (shop.person, BOT):
        groups.add(chat, member)
    topic = groups.open_topic(chat, "Orders")["message_id"]
    growing = Growing(whole="**Bold** begins it. " + "And so it goes on. " * 300)
    async with shop.worker() as worker:
        growing.serve(worker)
        shop.sim.people.say(shop.bot, shop.person, f"/help@bot{BOT}", chat_id=chat.id, thread=topic)

        async def edited() -> bool:
            return bool(shop.sent("editMessageText"))

        await until(edited, "an edit")
        growing.gate.set()
        first, rest = await shop.answers(2, chat.id)
    assert first.startswith("Bold begins it.")
    assert "word" not in first + rest
    assert f"{first} {rest}".count("And so it goes on.") == 300
    preview, follow = shop.sent()
    assert "allow_sending_without_reply" in str(preview["reply_parameters"])
    assert {int(preview["message_thread_id"]), int(follow["message_thread_id"])} == {topic}
    assert "bold" in str(shop.sent("editMessageText")[-1]["entities"])
