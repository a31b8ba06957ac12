"""The catalogue of refusals: each string by the state that causes it, or scripted where no state can."""

from typing import Any

import pytest

from tests.simulators.telegram.client import Json, Stage

PHOTO = {"type": "photo", "media": "attach://none"}


@pytest.fixture(autouse=True)
def _started(stage: Stage) -> None:
    stage.start()


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("sendMessage", {"text": "x" * 4097}, "message is too long"),
        ("sendMessage", {"text": "😀" * 4097}, "message is too long"),
        ("sendMessage", {"text": "x" * 32_769}, "text is too long"),
        ("sendMessage", {"text": ""}, "message text is empty"),
        ("sendMessage", {"text": " \n"}, "text must be non-empty"),
        ("sendMessage", {"text": "x", "parse_mode": "Latex"}, "unsupported parse_mode"),
        ("sendMessage", {"text": "x", "reply_markup": "[1]"}, "object expected as reply markup"),
        ("sendMessage", {"text": "x", "reply_parameters": {"message_id": 999}}, "message to be replied not found"),
        ("sendMessage", {"text": "x", "business_connection_id": "nobody"}, "business connection not found"),
        ("sendMessageDraft", {"text": "x", "draft_id": 0}, "invalid draft identifier specified"),
        ("editMessageText", {"text": "x", "message_id": 999}, "message to edit not found"),
        ("editMessageText", {"text": "x", "inline_message_id": "i"}, "MESSAGE_ID_INVALID"),
        ("editMessageCaption", {"caption": "x", "message_id": 999}, "message to edit not found"),
        ("deleteMessage", {"message_id": 999}, "message to delete not found"),
        ("deleteMessages", {"message_ids": []}, "message identifiers are not specified"),
        ("deleteMessages", {"message_ids": list(range(101))}, "too many message identifiers specified"),
        ("copyMessage", {"from_chat_id": 1, "message_id": 1}, "chat not found"),
        ("sendPhoto", {"photo": "nonsense"}, "wrong file identifier/HTTP URL specified"),
        ("sendPhoto", {"photo": "http://nowhere/x.png"}, "wrong HTTP URL specified"),
        ("sendDocument", {"document": "https://e.com/x"}, "failed to get HTTP URL content"),
        ("sendDocument", {}, "there is no document in the request"),
        ("getFile", {"file_id": "BQAC" + "x" * 60}, "wrong file_id or the file is temporarily unavailable"),
        ("getFile", {}, "file_id not specified"),
        ("sendMediaGroup", {"media": []}, "there are no messages to send"),
        ("sendMediaGroup", {"media": [PHOTO]}, "too few messages to send as an album"),
        ("sendMediaGroup", {"media": [PHOTO] * 11}, "too many messages to send as an album"),
        ("sendMediaGroup", {"media": [{"type": "dance"}] * 2}, "can't parse InputMedia: invalid media type specified"),
        ("sendLocation", {"latitude": 91, "longitude": 0}, "location is invalid"),
        ("sendContact", {}, "phone number is empty"),
        ("sendRichMessage", {"rich_message": {"markdown": "x" * 32_769}}, "message is too long"),
        ("sendChatAction", {"action": "dancing"}, "wrong parameter action in request"),
        ("answerCallbackQuery", {"callback_query_id": "1"},
         "query is too old and response timeout expired or query ID is invalid"),
    ],
)  # fmt: skip
async def test_by_rule(stage: Stage, method: str, params: Json, words: str) -> None:
    assert await stage.refusal(method, **{"chat_id": stage.user, **params}) == f"Bad Request: {words}"


@pytest.mark.parametrize("method", ["sendMessage", "editMessageText", "sendPhoto", "sendChatAction", "deleteMessage"])
async def test_every_method_that_needs_a_chat_says_so(stage: Stage, method: str) -> None:
    given: dict[str, Any] = {"text": "x", "photo": "x", "action": "typing", "message_id": 1}
    assert await stage.refusal(method, **given) == "Bad Request: chat_id is empty"
    assert await stage.refusal(method, **given, chat_id=12_345) == "Bad Request: chat not found"
    assert await stage.refusal(method, **given, chat_id="@nobody") == "Bad Request: chat not found"


async def test_4096_code_points_are_not_utf16_units(stage: Stage) -> None:
    sent = await stage.result("sendMessage", chat_id=stage.user, text="😀" * 4096)
    assert len(sent["text"]) == 4096
    form = {
        "chat_id": stage.user,
        "photo": stage.sim.core.files.add("photo", "p.gif", "", b"GIF89a" + b"\1" * 9).file_id,
    }
    assert (await stage.result("sendPhoto", **form, caption="😀" * 1024))["caption"] == "😀" * 1024
    assert await stage.refusal("sendPhoto", **form, caption="😀" * 1025) == "Bad Request: message caption is too long"


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("kick", 403, "Forbidden: bot was kicked from the {} chat"),
        ("outside", 403, "Forbidden: bot is not a member of the {} chat"),
        ("delete", 403, "Forbidden: the group chat was deleted"),
        ("write", 400, "Bad Request: have no write access to the chat"),
        ("text", 400, "Bad Request: not enough rights to send text messages to the chat"),
    ],
)
@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_states_of_groups(stage: Stage, kind: str, state: str, status: int, words: str) -> None:
    bots = [] if state == "outside" else [stage.bot.id]
    group = await stage.control("groups", {"type": kind, "members": [stage.user], "bots": bots, "admins": bots})
    chat_id = group["chat"]["id"]
    if state in {"kick", "delete"}:
        await stage.control(f"groups/{chat_id}/{state}", {"bot": stage.bot.id})
    elif state != "outside":
        await stage.control(f"groups/{chat_id}/restrict", {"types": [state]})
    answer = await stage.call("sendMessage", chat_id=chat_id, text="x")
    assert (answer["error_code"], answer["description"]) == (status, words.format(kind))


async def test_channels_are_for_administrators(stage: Stage) -> None:
    channel = await stage.control("groups", {"type": "channel", "bots": [stage.bot.id]})
    refused = await stage.refusal("sendMessage", chat_id=channel["chat"]["id"], text="x")
    assert refused == "Bad Request: need administrator rights in the channel chat"


async def test_albums_and_old_messages(stage: Stage) -> None:
    files = [stage.sim.core.files.add(kind, "a", "", b"GIF89a" + b"\1" * 9).file_id for kind in ("photo", "document")]
    photo, document = ({"type": kind, "media": file} for kind, file in zip(("photo", "document"), files, strict=True))
    sent = await stage.result("sendMediaGroup", chat_id=stage.user, media=[{**photo, "caption": "first"}, photo])
    assert [message.get("caption") for message in sent] == ["first", None]
    assert len({message["media_group_id"] for message in sent}) == 1
    refused = await stage.refusal("sendMediaGroup", chat_id=stage.user, media=[photo, document])
    assert refused == "Bad Request: document can't be mixed with other media types"
    edited = {"chat_id": stage.user, "message_id": sent[0]["message_id"], "caption": "other"}
    assert (await stage.result("editMessageCaption", **edited))["caption"] == "other"
    assert await stage.refusal("editMessageText", **edited, text="x") == (
        "Bad Request: there is no text in the message to edit"
    )
    await stage.clock.advance(48 * 3600)
    refused = await stage.refusal("deleteMessage", chat_id=stage.user, message_id=sent[0]["message_id"])
    assert refused == "Bad Request: message can't be deleted"


async def test_other_ways_to_send(stage: Stage) -> None:
    to = {"chat_id": stage.user}
    assert (await stage.result("sendLocation", **to, latitude=59.4, longitude="24.7"))["location"]["longitude"] == 24.7
    assert (await stage.result("sendContact", **to, phone_number="1", first_name="A"))["contact"]["first_name"] == "A"
    said = await stage.result("sendDice", **to)
    assert 1 <= said["dice"]["value"] <= 6
    source = {"from_chat_id": stage.user, "message_id": said["message_id"]}
    assert (await stage.result("forwardMessage", **to, **source))["forward_origin"]["type"] == "user"
    assert (await stage.result("copyMessage", **to, **source)).keys() == {"message_id"}


SCRIPTED = [
    (401, "Unauthorized: invalid token specified"),
    (400, "Bad Request: FROZEN_METHOD_INVALID"),
    (403, "Forbidden: bot can't send messages to bots"),
    (400, "Bad Request: group is deactivated"),
    (400, "Bad Request: PEER_ID_INVALID"),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
    (400, "Bad Request: CHAT_RESTRICTED"),
    (400, "Bad Request: CHAT_ADMIN_REQUIRED"),
    (400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
    (400, "Bad Request: ALLOW_PAYMENT_REQUIRED_5"),
    (400, "Bad Request: wrong type of the web page content"),
    (413, "Request Entity Too Large"),
    (500, "Internal Server Error: restart"),
]


@pytest.mark.parametrize(("code", "words"), SCRIPTED)
async def test_scripted(stage: Stage, code: int, words: str) -> None:
    stage.sim.fault("sendMessage", "error", code=code, description=words)
    answer = await stage.call("sendMessage", chat_id=stage.user, text="x")
    assert (answer["error_code"], answer["description"]) == (code, words)


@pytest.mark.parametrize(
    ("code", "text", "status", "words"),
    [
        (403, "CHAT_WRITE_FORBIDDEN", 400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
        (403, "Bot was blocked by the user", 403, "Forbidden: bot was blocked by the user"),
        (406, "FROZEN_METHOD_INVALID", 400, "Bad Request: FROZEN_METHOD_INVALID"),
        (400, "MESSAGE_TOO_LONG", 400, "Bad Request: MESSAGE_TOO_LONG"),
        (401, "Unauthorized", 401, "Unauthorized"),
    ],
)
async def test_the_words_of_the_core_are_rewritten(stage: Stage, code: int, text: str, status: int, words: str) -> None:
    stage.sim.fault("sendMessage", "core", code=code, description=text)
    answer = await stage.call("sendMessage", chat_id=stage.user, text="x")
    assert (answer["error_code"], answer["description"]) == (status, words)
