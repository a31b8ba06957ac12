"""Telegram in full, against the simulator: albums, edits, files, gestures, poison."""

import asyncio
from typing import Any

import pytest

from domain.answering.model import Answer, Emit, Question
from domain.dialogs import attachments
from domain.kit.errors import NotFound
from shards import acceptance
from tests.shards.outages import Assistant, crash
from tests.shards.shop import Shop, envelope, sent_texts
from tests.shards.world import until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


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


async def test_an_edit_of_a_message_that_never_came_is_answered_once(shop: Shop) -> None:
    async with shop.worker():
        shop.inject(edited_message={**envelope(3), "edit_date": 2, "text": "is anybody there?"})
        assert await sent_texts(shop, 1) == ["is anybody there?"]
        shop.inject(edited_message={**envelope(3), "edit_date": 3, "text": "is anybody there?"})
        await shop.settled()
    assert await shop.said() == ["is anybody there?"]
    assert len(shop.sent()) == 1


async def test_an_edit_does_not_overtake_its_message(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that somebody takes a row from is read again, before what is behind it."""
    real, moved = acceptance.accept, 0

    async def moving(*args: Any, **options: Any) -> Any:
        nonlocal moved
        moved += 1
        if moved == 1:
            raise acceptance.RowsMoved
        return await real(*args, **options)

    monkeypatch.setattr("shards.intake.accept", moving)
    shop.inject(message={**envelope(3), "text": "old words"})
    shop.inject(edited_message={**envelope(3), "edit_date": 2, "text": "new words"})
    async with shop.worker(patient=True):
        assert (await shop.asked(1))[-1] in {"old words", "new words"}
        shop.assistant.gate.set()

        async def answered() -> bool:
            return "new words" in [call["text"] for call in shop.sent()]

        await until(answered, "the answer to the new words")
        await shop.settled()
    assert await shop.said() == ["new words"]


async def test_a_file_that_telegram_does_not_know_is_not_asked_for_again(shop: Shop) -> None:
    async with shop.worker():
        shop.inject(message={**envelope(5), "voice": {"file_id": "nonsense", "file_size": 10, "duration": 3}})

        async def settled() -> bool:
            rows = await shop.tenant.rows("SELECT attachments FROM messages WHERE role = 'customer'")
            return [row["attachments"][0]["state"] for row in rows] == ["failed"]

        await until(settled, "the file to be given up")
    assert len(shop.sent("getFile")) == 1


async def test_files_are_fetched_and_can_be_read(shop: Shop) -> None:
    person, bot = shop.person, shop.bot
    async with shop.worker():
        shop.sim.people.send_file(
            bot, person, kind="document", name="bill.pdf", mime_type="application/pdf", data=b"%PDF-1", caption="see"
        )
        await shop.answers(1)
        shop.inject(message={**envelope(5), "document": {"file_id": "x", "file_size": 30 << 20, "file_name": "big"}})

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


async def test_a_live_location_that_moves_asks_nothing_more(shop: Shop) -> None:
    spot = {"latitude": 1.5, "longitude": 2.5, "live_period": 60}
    async with shop.worker():
        shop.inject(message={**envelope(4), "location": spot})
        await sent_texts(shop, 1)
        shop.inject(edited_message={**envelope(4), "edit_date": 2, "location": {**spot, "latitude": 1.6}})
        await shop.settled()
    assert await shop.said() == ["[location 1.50000, 2.50000]"]
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
        {"message": {**envelope(1), "text": {"a": 1}}},
        {"edited_message": {"a": 1}},
        {"callback_query": {}},
        {"callback_query": {"id": "1"}},
        {"message_reaction": {"chat": 1}},
        {"business_connection": {"id": 5}},
    ]
    async with shop.worker():
        for update in poison:
            shop.inject(**update)
        shop.inject(message={**envelope(2), "forward_origin": {"type": "hidden_user"}, "text": "hi"})
        shop.inject(a_kind_of_next_year={"x": 1})
        assert (await sent_texts(shop, 1)) == ["hi"]
        await shop.settled()
    rows = await shop.tenant.rows("SELECT error FROM inbox WHERE state = 'dead'")
    assert len(rows) == len(poison) - 1  # an empty callback is an empty update
    assert all(row["error"] for row in rows)
