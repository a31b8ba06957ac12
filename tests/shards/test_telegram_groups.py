"""Groups, forum topics and business chats, against the simulator."""

from typing import Any

import orjson

from domain.dialogs import service as dialogs
from simulators.telegram.business import Business
from simulators.telegram.groups import Groups
from tests.shards.shop import BOT, Shop
from tests.shards.world import until


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


async def test_a_person_answers_in_the_topic_to_the_last_question(shop: Shop) -> None:
    chat = shop.sim.world.add_group("Forum", "supergroup")
    groups = Groups(shop.sim.core)
    for member in (shop.person, BOT):
        groups.add(chat, member)
    topic = groups.open_topic(chat, "Orders")["message_id"]
    async with shop.worker():
        asked = shop.sim.people.say(shop.bot, shop.person, f"/help@bot{BOT}", chat_id=chat.id, thread=topic)
        await shop.answers(1, chat.id)
        [dialog] = await shop.tenant.rows("SELECT id FROM dialogs")
        async with shop.world.db.tenant_tx(shop.tenant.id) as conn:
            await dialogs.reply_as_operator(
                conn, tenant_id=shop.tenant.id, dialog_id=dialog["id"], text="I am here.", author="Eve"
            )
        assert await shop.answers(2, chat.id) == ["/help", "I am here."]
    last = shop.sent()[-1]
    assert (int(last["message_thread_id"]), asked["message_id"]) == (topic, _replied(last))


async def test_a_group_message_that_names_the_bot_only_after_an_edit_is_answered(shop: Shop) -> None:
    chat = shop.sim.world.add_group("Team", "supergroup")
    groups = Groups(shop.sim.core)
    for member in (shop.person, BOT):
        groups.add(chat, member)
    groups.promote(chat, shop.bot, admin=True)
    async with shop.worker():
        said = shop.sim.people.say(shop.bot, shop.person, "when do you open?", chat_id=chat.id)
        text = f"@bot{BOT} when do you open?"
        shop.sim.people.edit(shop.bot, shop.person, said["message_id"], {"text": text}, chat_id=chat.id)
        assert await shop.answers(1, chat.id) == ["when do you open?"]


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
        thanks = business.say(connection, shop.person, {"text": "thanks"})

        async def stored() -> bool:
            return await shop.said() == ["are you open?", "thanks"]

        await until(stored, "the customer's message")
        business.edit(connection, shop.person, thanks["message_id"], "thanks, boss")

        async def edited() -> bool:
            return await shop.said() == ["are you open?", "thanks, boss"]

        await until(edited, "the edit")
        await shop.settled()
        assert len(shop.sent()) == 1  # the bot may not reply, to an edit neither


def _replied(call: dict[str, Any]) -> int:
    parameters = call["reply_parameters"]
    return int((orjson.loads(parameters) if isinstance(parameters, str) else parameters)["message_id"])
