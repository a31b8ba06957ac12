"""An update's bytes and what they mean to us: every kind, groups, commands, and whatever else may come."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bots.updates import HANDLED, Attachment, Connection, Incoming, Poisoned, parse
from domain.bots.updates.kinds import IGNORED

BOT = 1001
PERSON: dict[str, Any] = {
    "id": 77,
    "is_bot": False,
    "first_name": "Анна",
    "last_name": "К",
    "username": "anna",
    "language_code": "ru",
}
PRIVATE = {"id": 77, "type": "private", "first_name": "Анна"}
GROUP = {"id": -100500, "type": "supergroup", "title": "Shop"}

UNHEARD = ["guest_message", "poll", "inline_query", "shipping_query", "chat_boost", "a_kind_of_next_year"]
CONTENTS = [
    "photo", "voice", "audio", "document", "sticker", "video", "video_note", "animation", "location", "venue",
    "contact", "dice", "poll", "story", "paid_media", "live_photo", "rich_message", "checklist", "web_app_data",
    "users_shared", "successful_payment", "game", "invoice",
]  # fmt: skip
SERVICE = [
    "new_chat_members", "left_chat_member", "pinned_message", "forum_topic_created", "gift",
    "video_chat_started", "message_auto_delete_timer_changed", "group_chat_created",
]  # fmt: skip
DESCRIBED: list[tuple[str, Any, str]] = [
    ("photo", [], "photo"),
    ("voice", {"duration": 12}, "voice message, 0:12"),
    ("video_note", {"duration": 75}, "video message, 1:15"),
    ("audio", {"duration": 9, "performer": "A", "title": "B"}, "audio: A - B, 0:09"),
    ("document", {"file_name": "bill.pdf", "file_size": 1_300_000}, "file: bill.pdf, 1.2 MB"),
    ("document", {}, "file: without a name"),
    ("sticker", {"emoji": "👍"}, "sticker 👍"),
    ("animation", {"duration": 3}, "GIF, 0:03"),
    ("location", {"latitude": 55.75, "longitude": 37.61}, "location 55.75000, 37.61000"),
    ("location", {"latitude": "north"}, "location"),
    ("venue", {"title": "Shop", "address": "Main st. 1", "location": {}}, "venue: Shop, Main st. 1"),
    ("contact", {"first_name": "Bob", "phone_number": "+7999"}, "contact: Bob, +7999"),
    ("dice", {"emoji": "🎲", "value": 4}, "dice 🎲 4"),
    ("poll", {"question": "When?"}, "poll: When?"),
    ("checklist", {"title": "To do", "tasks": [{"text": "a"}, {"text": "b"}, 5]}, "checklist: To do; a; b"),
    ("users_shared", {"users": [{}, {}]}, "shared people: 2"),
    ("successful_payment", {"currency": "USD", "total_amount": 100}, "payment: 100 USD (smallest units)"),
    ("story", {}, "story"),
]

_TEXT = {"message_id": 9, "date": 1, "chat": PRIVATE, "from": PERSON, "text": "hi"}
_OWNER = {"id": 5, "is_bot": False, "first_name": "Boss"}
_ENABLED = {"id": "c1", "user": _OWNER, "user_chat_id": 5, "date": 1, "is_enabled": True}
# Each handled kind that is no new message: the update, and fields of its meaning.
OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"edited_message": {**_TEXT, "edit_date": 2}}, {"kind": "edited", "text": "hi", "message_key": "9"}),
    (
        {"business_message": {**_TEXT, "business_connection_id": "c1"}},
        {"kind": "message", "address": "77@c1", "connection_id": "c1"},
    ),
    (
        {"edited_business_message": {**_TEXT, "business_connection_id": "c1"}},
        {"kind": "edited", "address": "77@c1"},
    ),
    (
        {"business_connection": {**_ENABLED, "rights": {"can_reply": True}}},
        {"kind": "connection", "connection": Connection("c1", 5, True)},
    ),
    (
        {"business_connection": {**_ENABLED, "rights": {}}},
        {"kind": "connection", "connection": Connection("c1", 5, False)},
    ),
    (
        {"business_connection": {**_ENABLED, "is_enabled": False, "rights": {"can_reply": True}}},
        {"kind": "connection", "connection": Connection("c1", 5, False)},
    ),
    (
        {"callback_query": {"id": "4", "from": PERSON, "message": {"date": 0}, "data": "x"}},
        {"kind": "callback", "callback_id": "4", "language": "ru"},
    ),
    ({"callback_query": {"id": "4", "from": PERSON, "inline_message_id": "7"}}, {"kind": "callback"}),
    (
        {"message_reaction": {"chat": PRIVATE, "message_id": 3, "user": PERSON, "date": 1, "old_reaction": [],
                              "new_reaction": [{"type": "emoji", "emoji": "👍"}, {"type": "paid"}]}},
        {"kind": "reaction", "message_id": 3, "emoji": ("👍", "paid"), "chat_id": 77},
    ),
    (
        {"my_chat_member": {"chat": PRIVATE, "from": PERSON, "new_chat_member": {"status": "kicked"}}},
        {"kind": "blocked", "chat_id": 77},
    ),
    (
        {"my_chat_member": {"chat": GROUP, "from": PERSON,
                            "new_chat_member": {"status": "restricted", "is_member": True}}},
        {"kind": "blocked", "chat_id": -100500},
    ),
    (
        {"my_chat_member": {"chat": GROUP, "from": PERSON, "new_chat_member":
                            {"status": "restricted", "is_member": True, "can_send_messages": True}}},
        {"kind": "unblocked"},
    ),
    (
        {"stopped_message_generation": {"chat": PRIVATE, "draft_id": 12, "message_thread_id": 3}},
        {"kind": "stopped", "draft_id": 12, "address": "77/3"},
    ),
]  # fmt: skip


def _read(update: dict[str, Any]) -> Incoming:
    return parse(orjson.dumps({"update_id": 5, **update}), bot_id=BOT, username="ShopBot")


def _message(chat: dict[str, Any] = PRIVATE, **fields: Any) -> Incoming:
    return _read({"message": {"message_id": 9, "date": 1, "chat": chat, "from": PERSON, **fields}})


def _by(**changed: Any) -> dict[str, Any]:
    return {"from": {**PERSON, **changed}}


def test_a_private_text() -> None:
    found = _message(text="Как вернуть товар?")
    assert (found.kind, found.text, found.address, found.addressed) == ("message", "Как вернуть товар?", "77", True)
    assert (found.sender_name, found.username, found.language) == ("Анна К", "anna", "ru")


@pytest.mark.parametrize("kind", [*IGNORED, *UNHEARD])
def test_other_kinds_are_ignored_with_a_reason(kind: str) -> None:
    found = _read({kind: {"id": "1", "from": PERSON}})
    why = IGNORED.get(kind, "this version does not know it")
    assert (found.kind, found.reason) == ("ignored", f"update kind {kind}: {why}")


@pytest.mark.parametrize(("update", "expected"), OTHERS, ids=lambda value: next(iter(value)))
def test_every_kind_that_is_handled_has_its_meaning(update: dict[str, Any], expected: dict[str, Any]) -> None:
    found = _read(update)
    assert {name: getattr(found, name) for name in expected} == expected


def test_telegram_is_asked_for_what_is_handled_and_nothing_else() -> None:
    assert {next(iter(update)) for update, _ in OTHERS} | {"message"} == set(HANDLED)
    assert not IGNORED.keys() & set(HANDLED)
    assert len(IGNORED) + len(HANDLED) == 27  # of Bot API 10.3


def test_an_empty_update_is_ignored() -> None:
    assert _read({}).kind == "ignored"


@pytest.mark.parametrize("content", CONTENTS)
def test_every_content_is_a_message_of_its_kind_with_its_caption(content: str) -> None:
    fields: dict[str, Any] = {content: {"any": 1}, "caption": "see this"}
    found = _message(**fields)
    assert (found.kind, found.content, found.text) == ("message", content, "see this")


def test_an_animation_is_not_taken_for_the_document_it_also_carries() -> None:
    assert _message(animation={}, document={}).content == "animation"
    assert _message(live_photo={}, photo=[]).content == "live_photo"


@pytest.mark.parametrize(("content", "value", "described"), DESCRIBED, ids=[entry[0] for entry in DESCRIBED])
def test_content_without_words_is_described(content: str, value: Any, described: str) -> None:
    found = _message(**{content: value})
    assert (found.content, found.described, found.text) == (content, described, "")


def test_a_file_is_known_by_its_metadata_and_a_photo_by_its_largest_size() -> None:
    sizes = [{"file_id": "s", "width": 90, "height": 60}, {"file_id": "l", "width": 900, "height": 600, "file_size": 7}]
    assert _message(photo=sizes).attachments == (Attachment("photo", "l", size=7, width=900, height=600),)
    voice = {"file_id": "v", "file_unique_id": "u", "duration": 12, "mime_type": "audio/ogg", "file_size": 5}
    assert _message(voice=voice).attachments == (Attachment("voice", "v", "u", 5, "audio/ogg", duration=12),)
    paid = {"paid_media": [{"type": "photo", "photo": sizes}, {"type": "preview"}]}
    assert [file.file_id for file in _message(paid_media=paid).attachments] == ["l"]
    assert _message(document={"file_id": 5, "file_name": ["x"], "file_size": -1}).attachments == ()


def test_a_rich_message_is_read_block_by_block() -> None:
    blocks = [
        {"type": "heading", "text": "Order"},
        {"type": "paragraph", "text": ["Where is ", {"type": "bold", "text": "it"}, "?"]},
        {"type": "list", "items": [{"label": "1", "blocks": [{"type": "paragraph", "text": "first"}]}]},
        {"type": "photo", "photo": [{"file_id": "x"}]},
    ]
    found = _message(rich_message={"blocks": blocks})
    assert (found.content, found.text) == ("rich_message", "Order\nWhere is it?\nfirst")


def test_what_a_message_refers_to_is_kept() -> None:
    reply = {"message_id": 4, "from": {"id": BOT, "is_bot": True}, "text": "We open at 9."}
    found = _message(text="and on Sunday?", reply_to_message=reply, quote={"text": "open at 9", "position": 3})
    assert found.context == {"reply_to": {"author": "bot", "text": "We open at 9."}, "quote": "open at 9"}
    own = _message(text="this", reply_to_message={"from": PERSON, "voice": {"duration": 61}})
    assert own.context == {"reply_to": {"author": "customer", "text": "[voice message, 1:01]"}}
    other = _message(text="this", external_reply={"origin": {"type": "channel", "chat": {"title": "News"}}})
    assert other.context == {"reply_to": {"author": "News", "text": ""}}


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ({"type": "user", "sender_user": {"first_name": "Bob"}}, "Bob"),
        ({"type": "hidden_user", "sender_user_name": "Ann"}, "Ann"),
        ({"type": "hidden_user", "date": 1}, "unknown"),
        ({"date": 1, "chat": {"title": "Chat"}}, "Chat"),
        ("nonsense", "unknown"),
    ],
)
def test_a_forwarded_message_names_its_origin_however_broken(origin: Any, name: str) -> None:
    found = _message(text="see", forward_origin=origin)
    assert (found.kind, found.context) == ("message", {"forwarded_from": name})


def test_an_album_is_named_by_its_group() -> None:
    found = _message(photo=[], media_group_id="12")
    assert (found.album, found.context) == ("12", {"album": "12"})


def test_a_group_that_became_a_supergroup_has_moved() -> None:
    to, back = _message({**GROUP, "id": -5}, migrate_to_chat_id=-1009), _message(GROUP, migrate_from_chat_id=-5)
    assert (to.kind, to.chat_id, to.new_chat_id) == ("moved", -5, -1009)
    assert (back.kind, back.chat_id, back.new_chat_id) == ("moved", -5, -100500)


def test_ephemeral_messages_are_told_apart() -> None:
    assert _message(text="a", message_id=0, ephemeral_message_id=7).message_key == "e7"


def test_the_business_itself_is_not_answered() -> None:
    update = {"business_message": {**_TEXT, "from": _OWNER, "business_connection_id": "c1"}}
    assert _read(update).reason == "written by the business itself"


@pytest.mark.parametrize("service", SERVICE)
def test_service_messages_are_ignored(service: str) -> None:
    assert _message(GROUP, **{service: 1}).kind == "ignored"


def test_bots_are_not_answered() -> None:
    assert _message(text="hi", **_by(is_bot=True)).kind == "ignored"


@pytest.mark.parametrize(
    ("text", "addressed", "left"),
    [
        ("just between us", False, "just between us"),
        ("@ShopBot when do you open?", True, "when do you open?"),
        ("hey @shopbot help", True, "hey  help"),
        ("/help", True, "/help"),
        ("/help@shopbot", True, "/help"),
        ("/start@ShopBot promo", True, "/start promo"),
        ("write to @ShopBot2 instead", False, "write to @ShopBot2 instead"),
        ("me@shopbot.example", False, "me@shopbot.example"),
    ],
)
def test_in_a_group_only_what_is_said_to_the_bot(text: str, addressed: bool, left: str) -> None:
    found = _message(GROUP, text=text)
    assert (found.addressed, found.text) == (addressed, left)


def test_in_a_group_a_reply_to_the_bot_is_said_to_it() -> None:
    assert _message(GROUP, text="and on Sunday?", reply_to_message={"from": {"id": BOT}}).addressed
    assert not _message(GROUP, text="and on Sunday?", reply_to_message={"from": {"id": 5}}).addressed
    opening = {
        "from": {"id": BOT},
        "forum_topic_created": {"name": "t"},
    }  # every first message of a topic replies to it
    found = _message(GROUP, text="hi all", reply_to_message=opening, is_topic_message=True, message_thread_id=4)
    assert (found.addressed, found.context) == (False, {})


def test_in_a_group_a_mention_by_name_or_in_a_caption_is_said_to_it() -> None:
    mark = {"type": "text_mention", "offset": 0, "length": 3, "user": {"id": BOT}}
    assert _message(GROUP, text="Bot help", entities=[mark]).addressed
    assert _message(GROUP, photo=[], caption="@SHOPBOT what is this").addressed


def test_a_command_for_another_bot_is_ignored() -> None:
    assert _message(GROUP, text="/start@OtherBot").reason == "a command for another bot"


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/start", "start", ""),
        ("/start promo_1", "start", "promo_1"),
        ("/Start@SHOPBOT promo", "start", "promo"),
        ("/", None, ""),
        ("not /start", None, ""),
        ("/start\npromo", "start", "promo"),
        ("/usr/bin is full", None, ""),
    ],
)
def test_commands(text: str, command: str | None, argument: str) -> None:
    found = _message(text=text)
    assert (found.command, found.argument) == (command, argument)


def test_topics_have_addresses_of_their_own() -> None:
    assert _message(GROUP, text="/a", is_topic_message=True, message_thread_id=7).address == "-100500/7"
    assert _message(GROUP, text="/a", message_thread_id=7).address == "-100500"  # a reply thread is no topic


def test_an_anonymous_admin_is_the_chat() -> None:
    stand_in = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    for sender in ({}, {"from": stand_in}):
        found = _read({"message": {"message_id": 1, "chat": GROUP, "sender_chat": GROUP, "text": "/x", **sender}})
        assert (found.kind, found.sender_id, found.sender_name) == ("message", -100500, "Shop")


def test_a_channel_is_not_answered_in_its_group() -> None:
    found = _message(GROUP, text="@shopbot news", is_automatic_forward=True, sender_chat={"id": -5, "title": "News"})
    assert found.kind == "ignored"


@pytest.mark.parametrize(("status", "kind"), [("kicked", "blocked"), ("left", "blocked"), ("member", "unblocked")])
def test_blocking(status: str, kind: str) -> None:
    found = _read({"my_chat_member": {"chat": PRIVATE, "from": PERSON, "new_chat_member": {"status": status}}})
    assert (found.kind, found.address) == (kind, "77")


def test_nul_is_taken_out() -> None:
    found = _message(text="a\0b", **_by(first_name="A\0", last_name=None))
    assert (found.text, found.sender_name) == ("ab", "A")


POISON = [
    b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"update_id":1,"message":5}', b'{"update_id":1,"message":{"a":1}}',
    b'{"update_id":1,"message":{"chat":{"id":"x"},"text":"a"}}', b'{"message":{"chat":{"id":1e999},"text":"a"}}',
    b'{"message":{"chat":{"id":1},"from":{"a":1},"text":"a"}}',
    b'{"message":{"chat":{"id":1},"from":{"id":1},"text":5}}',
    b'{"my_chat_member":{"chat":{"id":1}}}', b'{"message":{"text":"\\ud83d","chat":{"id":1}}}', b"[" * 100_000,
    b'{"message":{"chat":{"id":99999999999999999999},"from":{"id":1},"text":"a"}}',
    b'{"message":{"chat":{"id":1},"from":{"id":1,"username":{}},"text":"a"}}',
]  # fmt: skip


@pytest.mark.parametrize("raw", POISON, ids=range(len(POISON)))
def test_poison_has_a_reason(raw: bytes) -> None:
    with pytest.raises(Poisoned) as caught:
        parse(raw, bot_id=BOT, username="ShopBot")
    assert str(caught.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_fields = st.sampled_from(
    ["chat", "from", "text", "caption", "photo", "message_id", "message_thread_id", "is_topic_message", "sender_chat",
     "reply_to_message", "new_chat_member", "id", "type", "username", "language_code", "status", "is_bot", "file_id",
     "rich_message", "blocks", "forward_origin", "quote", "media_group_id", "document", "venue", "entities", "user"]
)  # fmt: skip
_shaped = st.recursive(_json, lambda inner: st.dictionaries(_fields, inner, max_size=6), max_leaves=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from([*HANDLED, "update_id", "poll"]), _shaped, max_size=3))
def test_no_update_raises_anything_but_poisoned(update: dict[str, Any]) -> None:
    try:
        found = parse(orjson.dumps(update), bot_id=BOT, username="ShopBot")
    except Poisoned:
        return
    assert all(isinstance(value, str) for value in (found.text, found.sender_name, found.address))
    assert all(value is None or isinstance(value, str) for value in (found.username, found.language))
    assert all(-(2**63) <= value < 2**63 for value in (found.chat_id, found.sender_id, found.message_id))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_poisoned(raw: bytes) -> None:
    with suppress(Poisoned):
        parse(raw, bot_id=BOT, username="ShopBot")
