"""What people do, through the control API, and the updates bots get for it."""

from typing import Any

import pytest

from simulators.telegram.contents import KINDS_OF_CONTENT
from tests.simulators.telegram.client import Json, Stage

FILES = ["photo", "voice", "audio", "video", "document", "animation", "sticker", "video_note"]


async def updates(stage: Stage) -> list[tuple[str, Json]]:
    """Everything that waits, as (kind, payload); the queue is empty afterwards."""
    await stage.clock.advance(5)  # the same offset again soon would be slowed down
    found = await stage.result("getUpdates", offset=1)
    stage.bot.queue.clear()
    return [next((kind, payload) for kind, payload in update.items() if kind != "update_id") for update in found]


def who(stage: Stage, **extra: Any) -> Json:
    return {"bot": stage.bot.id, "user": stage.user, **extra}


@pytest.mark.parametrize("kind", FILES)
async def test_files_of_every_kind(stage: Stage, kind: str) -> None:
    await stage.control("file", who(stage, kind=kind, caption="/look at this"))
    [(_, message)] = await updates(stage)
    sent = message[kind][-1] if kind == "photo" else message[kind]
    assert (await stage.result("getFile", file_id=sent["file_id"]))["file_size"] == sent["file_size"]
    assert message["caption_entities"][0]["type"] == "bot_command"
    assert ("document" in message) == (kind in {"document", "animation"})


@pytest.mark.parametrize("kind", KINDS_OF_CONTENT)
async def test_content_of_every_kind(stage: Stage, kind: str) -> None:
    await stage.control("content", who(stage, kind=kind))
    [(update, message)] = await updates(stage)
    assert (update, "text" in message) == ("message", False)
    assert len(message.keys() - {"message_id", "from", "chat", "date"}) >= 1


async def test_unknown_kinds_are_named(stage: Stage) -> None:
    answer = await stage.control("content", who(stage, kind="hologram"), status=400)
    assert "contact, dice" in answer["error"]
    assert "sticker" in (await stage.control("file", who(stage, kind="hologram"), status=400))["error"]


async def test_an_album_is_several_updates_with_one_group(stage: Stage) -> None:
    await stage.control("album", who(stage, count=3, caption="our trip"))
    messages = [message for _, message in await updates(stage)]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert [message.get("caption") for message in messages] == ["our trip", None, None]
    assert len({message["message_id"] for message in messages}) == 3


async def test_edits_of_captions_and_live_locations(stage: Stage) -> None:
    photo = await stage.control("file", who(stage, kind="photo", caption="ol"))
    await stage.control("edit", who(stage, message_id=photo["message_id"], caption="old #tent"))
    live = await stage.control("content", who(stage, kind="live_location"))
    moved = {"location": {**live["location"], "latitude": 60.0}}
    await stage.control("edit", who(stage, message_id=live["message_id"], message=moved))
    edits = [payload for kind, payload in await updates(stage) if kind == "edited_message"]
    assert (edits[0]["caption"], edits[0]["caption_entities"][0]["type"]) == ("old #tent", "hashtag")
    assert edits[1]["location"]["latitude"] == 60.0
    assert edits[1]["message_id"] == live["message_id"]


async def test_reactions_reach_bots_that_asked(stage: Stage) -> None:
    stage.start()
    sent = await stage.result("sendMessage", chat_id=stage.user, text="x")
    await stage.control("react", who(stage, message_id=sent["message_id"], emoji="👍"))
    assert await updates(stage) == [], "not in the default set of kinds"
    await stage.result("getUpdates", allowed_updates=["message_reaction"], offset=9)
    await stage.control("react", who(stage, message_id=sent["message_id"], emoji="🔥"))
    [(kind, payload)] = await updates(stage)
    assert (kind, payload["old_reaction"][0]["emoji"], payload["new_reaction"][0]["emoji"]) == (
        "message_reaction", "👍", "🔥",
    )  # fmt: skip


async def test_groups_have_people_who_come_and_go(stage: Stage) -> None:
    bob = stage.sim.add_user(first_name="Bob")
    group = await stage.control("groups", {"title": "G", "members": [stage.user], "bots": [stage.bot.id]})
    where = f"groups/{group['chat']['id']}"
    await stage.result("getUpdates", allowed_updates=["message", "chat_member", "my_chat_member"])
    stage.bot.queue.clear()
    await stage.control(f"{where}/add", {"user": bob})
    await stage.control(f"{where}/leave", {"user": bob})
    await stage.control(f"{where}/promote", {"bot": stage.bot.id})
    seen = await updates(stage)
    assert [kind for kind, _ in seen] == ["chat_member", "message", "chat_member", "message", "my_chat_member"]
    assert seen[1][1]["new_chat_members"][0]["first_name"] == "Bob"
    assert seen[3][1]["left_chat_member"]["first_name"] == "Bob"
    assert seen[4][1]["new_chat_member"]["status"] == "administrator"
    await stage.control("say", who(stage, chat=group["chat"]["id"], text="administrators read everything"))
    assert len(await updates(stage)) == 1


async def test_topics(stage: Stage) -> None:
    group = await stage.control("groups", {"title": "F", "members": [stage.user], "bots": [stage.bot.id]})
    chat_id = group["chat"]["id"]
    topic = await stage.control(f"groups/{chat_id}/topic", {"name": "Tents"})
    thread = topic["message_thread_id"]
    stage.bot.queue.clear()
    await stage.control("say", who(stage, chat=chat_id, text="/price", thread=thread))
    [(_, said)] = await updates(stage)
    assert (said["message_thread_id"], said["is_topic_message"]) == (thread, True)
    assert said["reply_to_message"]["forum_topic_created"]["name"] == "Tents"
    sent = await stage.result("sendMessage", chat_id=chat_id, text="x", message_thread_id=thread)
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (thread, True)
    for act, words in [("close_topic", "TOPIC_CLOSED"), ("delete_topic", "TOPIC_DELETED")]:
        await stage.control(f"groups/{chat_id}/{act}", {"thread": thread})
        refused = await stage.refusal("sendMessage", chat_id=chat_id, text="x", message_thread_id=thread)
        assert refused == f"Bad Request: {words}"
    refused = await stage.refusal("sendMessage", chat_id=chat_id, text="x", message_thread_id=999)
    assert refused == "Bad Request: message thread not found"


async def test_business_accounts(stage: Stage) -> None:
    owner = stage.sim.add_user(first_name="Owner")
    connection = await stage.control("business", {"bot": stage.bot.id, "user": owner})
    said = await stage.control(f"business/{connection['id']}/say", {"user": stage.user, "text": "open?"})
    await stage.control(f"business/{connection['id']}/say", {"user": stage.user, "text": "yes", "from_owner": True})
    edit = {"user": stage.user, "message_id": said["message_id"], "text": "open now?"}
    await stage.control(f"business/{connection['id']}/edit", edit)
    delete = {"user": stage.user, "message_ids": [said["message_id"]]}
    await stage.control(f"business/{connection['id']}/delete", delete)
    seen = await updates(stage)
    assert [kind for kind, _ in seen] == [
        "business_connection", "business_message", "business_message", "edited_business_message",
        "deleted_business_messages",
    ]  # fmt: skip
    assert seen[2][1]["from"]["id"] == owner
    sending = {"business_connection_id": connection["id"], "chat_id": stage.user, "text": "from the shop"}
    sent = await stage.result("sendMessage", **sending)
    assert (sent["from"]["id"], sent["sender_business_bot"]["id"]) == (owner, stage.bot.id)
    assert (await stage.result("getBusinessConnection", business_connection_id=connection["id"]))["is_enabled"] is True
    chat = await stage.control(f"business/{connection['id']}?user={stage.user}")
    assert [line["message"]["text"] for line in chat["messages"]] == ["open now?", "yes", "from the shop"]
    for change, words in [({"can_reply": False}, "BUSINESS_CONNECTION_NOT_ALLOWED"), ({"enabled": False}, None)]:
        await stage.control("business", {"bot": stage.bot.id, "user": owner, "id": connection["id"], **change})
        refused = await stage.refusal("sendMessage", **sending)
        assert refused == f"Bad Request: {words or 'business connection not found'}"


async def test_a_revoked_token_is_unauthorized_and_the_bot_lives_on(stage: Stage) -> None:
    stage.start()
    old = stage.bot.token
    new = await stage.control("revoke", {"bot": stage.bot.id})
    assert new["token"] != old
    assert (await stage.result("sendMessage", chat_id=stage.user, text="x"))["text"] == "x"
    async with stage.http.get(f"{stage.sim.url}/bot{old}/getMe") as response:
        assert (response.status, (await response.json())["description"]) == (401, "Unauthorized")
