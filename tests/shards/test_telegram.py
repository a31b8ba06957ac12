"""Telegram in full, against the simulator: albums, edits, media, groups, topics, business chats, gestures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.answering.model import Answer, Emit, Question
from domain.dialogs import attachments
from domain.kit.db import Database
from domain.kit.errors import NotFound
from domain.kit.settings import Settings
from shards.worker import Worker
from simulators.telegram import RunningSimulator, running_simulator
from simulators.telegram.business import Business
from simulators.telegram.groups import Groups
from simulators.telegram.model import Bot
from tests.shards.outages import Assistant, crash
from tests.shards.world import Tenant, World, open_world, running_worker, until

BOT = 1001
TOKEN = f"{BOT}:{'A' * 35}"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


@dataclass
class Shop:
    """A tenant's bot in the simulator, and a person who writes to it."""

    sim: RunningSimulator
    world: World
    tenant: Tenant
    settings: Settings
    bot: Bot
    person: int
    assistant: Assistant = field(default_factory=Assistant)

    @asynccontextmanager
    async def worker(self, *, patient: bool = False) -> AsyncIterator[Worker]:
        """A worker; a patient one thinks until `assistant.gate` is open."""
        async with running_worker(self.settings) as worker:
            if patient:
                self.assistant.serve(worker)
            yield worker

    async def answers(self, count: int, chat: int = 0) -> list[str]:
        """What the bot said, once it is so much; and nothing is on its way behind it."""
        place = chat or self.person

        async def enough() -> bool:
            return len(self.sim.answers(self.bot, place)) >= count

        await until(enough, f"{count} answers")
        await self.settled()
        return self.sim.answers(self.bot, place)

    async def settled(self) -> None:
        """Wait until every update has become what it means, and everything was sent."""

        async def quiet() -> bool:
            rows = await self.tenant.rows(
                "SELECT 1 FROM inbox WHERE state NOT IN ('done', 'dead') UNION ALL"
                " SELECT 1 FROM outbox WHERE state IN ('ready', 'sending')"
            )
            return not rows and not len(self.bot.queue)

        await until(quiet, "the inbox and the outbox to be empty")

    async def said(self) -> list[str]:
        """The customer's messages."""
        rows = await self.tenant.rows("SELECT text FROM messages WHERE role = 'customer' ORDER BY dialog_id, seq")
        return [row["text"] for row in rows]

    async def asked(self, count: int) -> list[str]:
        """The questions that the assistant was asked, once there are so many."""

        async def enough() -> bool:
            return len(self.assistant.asked) >= count

        await until(enough, f"{count} questions")
        return self.assistant.asked

    def inject(self, **update: Any) -> None:
        """A raw update."""
        self.sim.world.push_raw(self.bot, update, expires_at=self.sim.core.clock.now() + 3600)

    def sent(self, method: str = "sendMessage") -> list[dict[str, Any]]:
        """The parameters of the bot's calls of a method."""
        return [call.params for call in self.sim.calls(method, self.bot)]


@pytest.fixture
async def shop(db: Database, settings: Settings) -> AsyncIterator[Shop]:
    async with running_simulator() as sim:
        pointed = settings.model_copy(update={"telegram_api_url": sim.url})
        async with open_world(db, pointed) as world:
            tenant = await world.add_tenant()
            bot = sim.add_bot(TOKEN, username=f"bot{BOT}")
            await tenant.add_bot(BOT)
            person = sim.add_user(77, first_name="Ann", language_code="en")
            yield Shop(sim, world, tenant, pointed, bot, person)


def _picture(shop: Shop, caption: str = "", album: str = "a1") -> None:
    shop.sim.people.send_file(
        shop.bot, shop.person, kind="photo", name="p.png", mime_type="image/png", data=PNG, caption=caption,
        media_group_id=album,
    )  # fmt: skip


async def test_an_album_is_answered_once_also_after_a_crash(shop: Shop) -> None:
    async with shop.worker(patient=True) as first:
        for number in range(7):
            _picture(shop, "what is this?" if number == 2 else "")
        assert await shop.asked(1) == ["what is this?"]
        await crash(first)
    async with shop.worker(patient=True):
        assert await shop.asked(2) == ["what is this?"] * 2
        shop.assistant.gate.set()
        assert await shop.answers(1) == ["what is this?"]
    assert await shop.said() == [f"[photo]{' what is this?' if number == 2 else ''}" for number in range(7)]


async def test_an_edit_before_the_answer_is_what_is_answered(shop: Shop) -> None:
    async with shop.worker(patient=True):
        message = shop.sim.say(shop.bot, shop.person, "how much is a tabel?")
        await shop.asked(1)
        shop.sim.people.edit(shop.bot, shop.person, message["message_id"], {"text": "how much is a table?"})
        assert (await shop.asked(2))[1] == "how much is a table?"
        shop.assistant.gate.set()
        assert await shop.answers(1) == ["how much is a table?"]
        assert await shop.said() == ["how much is a table?"]
        events = await shop.tenant.rows("SELECT seq, payload FROM dialog_events WHERE kind = 'edited'")
        assert [(row["seq"], row["payload"]["text"]) for row in events] == [(2, "how much is a table?")]


async def test_an_edit_of_an_unanswered_message_survives_its_worker(shop: Shop) -> None:
    async with shop.worker(patient=True) as first:
        message = shop.sim.say(shop.bot, shop.person, "old words")
        await shop.asked(1)
        shop.sim.people.edit(shop.bot, shop.person, message["message_id"], {"text": "new words"})
        await shop.asked(2)
        await crash(first)
    async with shop.worker(patient=True):
        shop.assistant.gate.set()
        assert await shop.answers(1) == ["new words"]
    assert shop.assistant.asked == ["old words", "new words", "new words"]


async def test_an_edit_after_the_answer_is_answered_only_if_it_is_the_last_word(shop: Shop) -> None:
    async with shop.worker():
        first = shop.sim.say(shop.bot, shop.person, "one")
        await shop.answers(1)
        shop.sim.people.edit(shop.bot, shop.person, first["message_id"], {"text": "one!"})
        assert await shop.answers(2) == ["one", "one!"]
        shop.sim.say(shop.bot, shop.person, "two")
        await shop.answers(3)
        shop.sim.people.edit(shop.bot, shop.person, first["message_id"], {"text": "once"})

        async def noted() -> bool:
            return await shop.said() == ["once", "two"]

        await until(noted, "the edit to be noted")
        assert await shop.answers(3) == ["one", "one!", "two"]


async def test_files_are_fetched_and_can_be_read(shop: Shop) -> None:
    person, bot = shop.person, shop.bot
    async with shop.worker():
        shop.sim.people.send_file(
            bot, person, kind="document", name="bill.pdf", mime_type="application/pdf", data=b"%PDF-1", caption="see"
        )
        await shop.answers(1)
        shop.inject(message={**_envelope(5), "document": {"file_id": "x", "file_size": 30 << 20, "file_name": "big"}})

        async def fetched() -> bool:
            rows = await shop.tenant.rows("SELECT attachments FROM messages WHERE role = 'customer' ORDER BY seq")
            return [row["attachments"][0]["state"] for row in rows] == ["stored", "too_big"]

        await until(fetched, "the file to be fetched")
    [row] = await shop.tenant.rows(
        "SELECT dialog_id, seq, text FROM messages WHERE role = 'customer' ORDER BY seq LIMIT 1"
    )
    assert row["text"] == "[file: bill.pdf, 6 B] see"
    async with shop.world.db.tenant_tx(shop.tenant.id) as conn:
        where = {"tenant_id": shop.tenant.id, "dialog_id": row["dialog_id"]}
        file = await attachments.read(conn, **where, seq=row["seq"], n=0)
        assert (file.name, file.mime_type, file.data) == ("bill.pdf", "application/pdf", b"%PDF-1")
        with pytest.raises(NotFound):
            await attachments.read(conn, **where, seq=row["seq"], n=1)
    events = await shop.tenant.rows("SELECT payload FROM dialog_events WHERE kind = 'attachment'")
    assert [row["payload"]["attachment"]["state"] for row in events] == ["stored"]


async def test_a_group_that_becomes_a_supergroup_keeps_its_dialog(shop: Shop) -> None:
    chat = shop.sim.world.add_group("Team", "group")
    groups = Groups(shop.sim.core)
    for member in (shop.person, BOT):
        groups.add(chat, member)
    async with shop.worker():
        shop.sim.people.say(shop.bot, shop.person, f"@bot{BOT} hello", chat_id=chat.id)
        await shop.answers(1, chat.id)
        target = groups.migrate(chat)
        await shop.settled()
        shop.sim.people.say(shop.bot, shop.person, f"@bot{BOT} again", chat_id=target.id)
        assert await shop.answers(1, target.id) == ["again"]
    rows = await shop.tenant.rows("SELECT address FROM dialogs")
    assert [row["address"] for row in rows] == [str(target.id)]


async def test_a_topic_is_answered_in_it_and_its_opening_is_no_call_for_the_bot(shop: Shop) -> None:
    chat = shop.sim.world.add_group("Forum", "supergroup")
    groups = Groups(shop.sim.core)
    for member in (shop.person, BOT):
        groups.add(chat, member)
    groups.promote(chat, shop.bot, admin=True)
    async with shop.worker():
        topic = groups.open_topic(chat, "Orders", BOT)["message_id"]
        for text in ("just us", f"@BOT{BOT} where is it?"):
            shop.sim.people.post(shop.bot, shop.person, {"text": text, "thread": topic}, chat_id=chat.id)
        assert await shop.answers(1, chat.id) == ["where is it?"]
    [sent] = shop.sent()
    assert int(sent["message_thread_id"]) == topic
    assert "allow_sending_without_reply" in str(sent["reply_parameters"])


async def test_a_business_chat_is_answered_on_its_behalf(shop: Shop) -> None:
    owner = shop.sim.add_user(500, first_name="Boss")
    business = Business(shop.sim.core)
    connection = business.connect(shop.bot, owner)["id"]
    async with shop.worker():
        business.say(connection, shop.person, {"text": "are you open?"})

        async def answered() -> bool:
            return len(shop.sent()) == 1

        await until(answered, "an answer in the business chat")
        await shop.settled()
        assert shop.sent()[0]["business_connection_id"] == connection
        business.say(connection, shop.person, {"text": "we are, says the boss"}, from_owner=True)
        business.connect(shop.bot, owner, can_reply=False, id=connection)
        await shop.settled()
        business.say(connection, shop.person, {"text": "thanks"})

        async def stored() -> bool:
            return await shop.said() == ["are you open?", "thanks"]

        await until(stored, "the customer's message")
        await shop.settled()
        assert len(shop.sent()) == 1


async def test_gestures(shop: Shop) -> None:
    """A deep link, a reaction, a pressed button, a blocked bot."""
    async with shop.worker():
        shop.sim.say(shop.bot, shop.person, "/start spring_sale")
        await shop.answers(1)
        [contact] = await shop.tenant.rows("SELECT attributes FROM contacts")
        assert contact["attributes"] == {"start": "spring_sale"}
        said = next(m.message for m in shop.sim.messages(shop.bot, shop.person) if m.outgoing)
        shop.sim.people.react(shop.bot, shop.person, said["message_id"], "👍")
        shop.inject(callback_query={"id": "12", "from": {"id": 77, "language_code": "ru"}, "chat_instance": "1"})

        async def answered() -> bool:
            return [call["text"] for call in shop.sent("answerCallbackQuery")] == [
                "Эта кнопка больше не работает. Напишите, пожалуйста, ваш вопрос словами."
            ]

        await until(answered, "the callback to be answered")
        shop.sim.people.block(shop.bot, shop.person)
        await shop.settled()
    rows = await shop.tenant.rows("SELECT kind, payload FROM dialog_events WHERE kind <> 'delivery' ORDER BY seq")
    [answer] = await shop.tenant.rows("SELECT id FROM messages WHERE role = 'assistant'")
    assert [(row["kind"], row["payload"]) for row in rows] == [
        ("reaction", {"message_id": str(answer["id"]), "emoji": ["👍"]}),
        ("blocked", {"blocked": True}),
    ]


class Talker(Assistant):
    """Goes on and on."""

    async def answer(self, question: Question, emit: Emit) -> Answer:
        """Until it is stopped."""
        self.asked.append(question.text)
        while True:
            await emit("and [1] ")
            await asyncio.sleep(0.01)


async def test_a_stopped_answer_ends_where_it_is(shop: Shop) -> None:
    shop.assistant = Talker()
    async with shop.worker(patient=True):
        shop.sim.say(shop.bot, shop.person, "when?")

        async def shown() -> bool:
            return any(call.get("text") for call in shop.sent("sendMessageDraft"))

        await until(shown, "a preview")
        shop.sim.people.stop_generation(shop.bot, shop.person)
        [answer] = await shop.answers(1)
        assert set(answer.removesuffix("...").split()) == {"and"}
        assert answer.endswith("and...")


async def test_no_update_stops_the_next(shop: Shop) -> None:
    """Poison has its reason in the dead letters, and the chat goes on."""
    poison: list[dict[str, Any]] = [
        {"message": 5},
        {"message": {"chat": {"id": "x"}, "text": "a"}},
        {"message": {**_envelope(1), "text": {"a": 1}}},
        {"edited_message": {"a": 1}},
        {"callback_query": {}},
        {"callback_query": {"id": "1"}},
        {"message_reaction": {"chat": 1}},
        {"business_connection": {"id": 5}},
    ]
    async with shop.worker():
        for update in poison:
            shop.inject(**update)
        shop.inject(message={**_envelope(2), "forward_origin": {"type": "hidden_user"}, "text": "hi"})
        shop.inject(a_kind_of_next_year={"x": 1})
        assert (await _sent_texts(shop, 1)) == ["hi"]
        await shop.settled()
    rows = await shop.tenant.rows("SELECT error FROM inbox WHERE state = 'dead'")
    assert len(rows) == len(poison) - 1  # an empty callback is an empty update
    assert all(row["error"] for row in rows)


def _envelope(number: int) -> dict[str, Any]:
    person = {"id": 77, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    return {"message_id": number, "date": 1, "chat": {"id": 77, "type": "private"}, "from": person}


async def _sent_texts(shop: Shop, count: int) -> list[str]:
    async def enough() -> bool:
        return len(shop.sent()) >= count

    await until(enough, f"{count} sends")
    return [call["text"] for call in shop.sent()]
