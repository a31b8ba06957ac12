"""Sending, editing, deleting, previews, buttons, files."""

import pytest
from aiohttp import FormData

from tests.simulators.telegram.client import Json, Stage

KEYS = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}, {"text": "Site", "url": "https://e.com"}]]}
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a"
    " current content and reply markup of the message"
)


@pytest.fixture(autouse=True)
def _started(stage: Stage) -> None:
    stage.start()


async def send(stage: Stage, text: str = "hello", **extra: object) -> Json:
    sent: Json = await stage.result("sendMessage", chat_id=stage.user, text=text, **extra)
    return sent


async def test_send_and_reply(stage: Stage) -> None:
    first = await send(stage, reply_markup=KEYS, link_preview_options={"is_disabled": True})
    assert first["from"] == stage.bot.as_user()
    assert first["chat"] == {"id": stage.user, "first_name": "Ann", "username": "ann", "type": "private"}
    assert first["reply_markup"]["inline_keyboard"][0][1]["url"] == "https://e.com/"
    assert first["link_preview_options"] == {"is_disabled": True}
    second = await send(stage, reply_parameters={"message_id": first["message_id"]}, message_thread_id=5)
    assert second["message_id"] == first["message_id"] + 1
    assert second["reply_to_message"]["text"] == "hello"
    assert second["message_thread_id"] == 5
    missing = {"message_id": 999}
    refused = await stage.refusal("sendMessage", chat_id=stage.user, text="x", reply_parameters=missing)
    assert refused == "Bad Request: message to be replied not found"
    lenient = await send(stage, reply_parameters={**missing, "allow_sending_without_reply": True})
    assert "reply_to_message" not in lenient


async def test_text_sizes(stage: Stage) -> None:
    for text, words in [
        ("", "message text is empty"),
        (" ", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("я" * 20_000, "text is too long"),
    ]:
        assert await stage.refusal("sendMessage", chat_id=stage.user, text=text) == f"Bad Request: {words}"


async def test_edit(stage: Stage) -> None:
    message_id = (await send(stage, reply_markup=KEYS))["message_id"]
    where = {"chat_id": stage.user, "message_id": message_id}
    await stage.clock.advance(60)
    edited = await stage.result("editMessageText", **where, text="*new*", parse_mode="MarkdownV2")
    assert (edited["text"], edited["edit_date"] - edited["date"]) == ("new", 60)
    assert "reply_markup" not in edited
    same = {**where, "text": "*new*", "parse_mode": "MarkdownV2"}
    assert await stage.refusal("editMessageText", **same) == NOT_MODIFIED
    too_long = await stage.refusal("editMessageText", **where, text="x" * 4097)
    assert too_long == "Bad Request: MESSAGE_TOO_LONG"
    missing = await stage.refusal("editMessageText", chat_id=stage.user, message_id=99, text="x")
    assert missing == "Bad Request: message to edit not found"
    theirs = stage.sim.say(stage.bot, stage.user, "mine")["message_id"]
    foreign = await stage.refusal("editMessageText", chat_id=stage.user, message_id=theirs, text="x")
    assert foreign == "Bad Request: message can't be edited"
    await stage.result("editMessageReplyMarkup", **where, reply_markup=KEYS)
    history = stage.sim.transcript(stage.bot, stage.user)["messages"][1]["edits"]
    assert [version["text"] for version in history] == ["hello", "new"]


async def test_delete(stage: Stage) -> None:
    where = {"chat_id": stage.user, "message_id": (await send(stage))["message_id"]}
    assert await stage.result("deleteMessage", **where) is True
    assert await stage.refusal("deleteMessage", **where) == "Bad Request: message to delete not found"


async def test_previews(stage: Stage) -> None:
    chat = {"chat_id": stage.user, "draft_id": 7}
    assert await stage.result("sendMessageDraft", **chat, text="") is True
    assert await stage.result("sendMessageDraft", **chat, text="*Hel*", parse_mode="MarkdownV2", can_stop=True) is True
    seen = stage.sim.transcript(stage.bot, stage.user)
    assert seen["draft"]["text"] == "Hel"
    assert [draft["text"] for draft in seen["drafts"]] == ["", "Hel"]
    await send(stage, "Hello")
    assert stage.sim.transcript(stage.bot, stage.user)["draft"] is None, "a real message removes the preview"
    await stage.result("sendMessageDraft", **chat, text="again", can_stop=True)
    await stage.control("stop", {"bot": stage.bot.id, "user": stage.user})
    assert (await stage.result("getUpdates"))[-1]["stopped_message_generation"]["draft_id"] == 7
    await stage.result("sendMessageDraft", **chat, text="old")
    await stage.clock.advance(31)
    assert stage.sim.transcript(stage.bot, stage.user)["draft"] is None
    zero = await stage.refusal("sendMessageDraft", chat_id=stage.user, draft_id=0, text="x")
    assert zero == "Bad Request: invalid draft identifier specified"
    group = stage.sim.world.add_group("G")
    group.members.add(stage.bot.id)
    refused = await stage.refusal("sendMessageDraft", chat_id=group.id, draft_id=1, text="x")
    assert refused == "Bad Request: TEXTDRAFT_PEER_INVALID"


async def test_actions(stage: Stage) -> None:
    assert await stage.result("sendChatAction", chat_id=stage.user, action="typing") is True
    assert stage.sim.transcript(stage.bot, stage.user)["action"]["action"] == "typing"
    wrong = await stage.refusal("sendChatAction", chat_id=stage.user, action="dancing")
    assert wrong == "Bad Request: wrong parameter action in request"


async def test_buttons(stage: Stage) -> None:
    message_id = (await send(stage, reply_markup=KEYS))["message_id"]
    press = {"bot": stage.bot.id, "user": stage.user, "message_id": message_id, "data": "yes"}
    pressed = await stage.control("press", press)
    query = (await stage.result("getUpdates"))[0]["callback_query"]
    assert (query["id"], query["data"]) == (pressed["callback_id"], "yes")
    assert query["message"]["message_id"] == message_id
    answer = {"callback_query_id": query["id"], "text": "done"}
    assert await stage.result("answerCallbackQuery", **answer) is True
    late = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await stage.refusal("answerCallbackQuery", **answer) == late
    again = await stage.control("press", press)
    await stage.clock.advance(151)
    assert await stage.refusal("answerCallbackQuery", callback_query_id=again["callback_id"]) == late
    await stage.control("press", {**press, "data": "no such button"}, status=409)


async def test_files_both_ways(stage: Stage) -> None:
    message = await stage.control("file", {"bot": stage.bot.id, "user": stage.user, "kind": "photo", "caption": "see"})
    file_id = message["photo"][-1]["file_id"]
    found = await stage.result("getFile", file_id=file_id)
    async with stage.http.get(f"{stage.sim.url}/file/bot{stage.bot.token}/{found['file_path']}") as response:
        content = await response.read()
    assert content.startswith(b"\x89PNG")
    assert len(content) == found["file_size"]
    again = await stage.result("sendPhoto", chat_id=stage.user, photo=file_id, caption="*c*", parse_mode="MarkdownV2")
    assert (again["caption"], again["caption_entities"][0]["type"]) == ("c", "bold")
    form = FormData({"chat_id": str(stage.user), "document": "attach://one"})
    form.add_field("one", b"hello", filename="a.txt", content_type="text/plain")
    async with stage.http.post(f"{stage.sim.url}/bot{stage.bot.token}/sendDocument", data=form) as response:
        document = (await response.json())["result"]["document"]
    assert (document["file_name"], document["file_size"], document["mime_type"]) == ("a.txt", 5, "text/plain")
    for name, params, words in [
        ("sendPhoto", {}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "nonsense"}, "wrong file identifier/HTTP URL specified"),
        ("sendDocument", {"document": "https://e.com/x"}, "failed to get HTTP URL content"),
    ]:
        assert await stage.refusal(name, chat_id=stage.user, **params) == f"Bad Request: {words}"
    assert await stage.refusal("getFile", file_id="nonsense") == "Bad Request: invalid file_id"
    big = stage.sim.core.files.add("document", "big.bin", "application/octet-stream", bytes(21 * 1024 * 1024))
    assert await stage.refusal("getFile", file_id=big.file_id) == "Bad Request: file is too big"


async def test_chats(stage: Stage) -> None:
    assert (await stage.result("getChat", chat_id=stage.user))["first_name"] == "Ann"
    member = await stage.result("getChatMember", chat_id=stage.user, user_id=stage.bot.id)
    assert (member["status"], member["user"]["id"]) == ("member", stage.bot.id)


async def test_edited_by_the_person(stage: Stage) -> None:
    said = stage.sim.say(stage.bot, stage.user, "helo")
    edit = {"bot": stage.bot.id, "user": stage.user, "message_id": said["message_id"], "text": "hello"}
    await stage.control("edit", edit)
    updates = await stage.result("getUpdates")
    assert [next(reversed(update)) for update in updates] == ["message", "edited_message"]
    assert updates[1]["edited_message"]["text"] == "hello"
