"""An update's bytes and what they mean to us: every kind, groups, commands, and whatever else may come."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bots.updates import Incoming, Poisoned, parse

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

KINDS = [
    "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "guest_message", "message_reaction",
    "message_reaction_count", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
    "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "chat_member", "chat_join_request",
    "chat_boost", "removed_chat_boost", "managed_bot", "subscription", "stopped_message_generation",
    "a_kind_of_next_year",
]  # fmt: skip
CONTENTS = [
    "photo", "voice", "audio", "document", "sticker", "video", "video_note", "animation", "location", "venue",
    "contact", "dice", "poll", "story", "paid_media", "live_photo", "rich_message", "checklist", "web_app_data",
    "users_shared", "successful_payment", "game", "invoice",
]  # fmt: skip
SERVICE = [
    "new_chat_members", "left_chat_member", "pinned_message", "migrate_to_chat_id", "forum_topic_created",
    "video_chat_started", "message_auto_delete_timer_changed", "group_chat_created",
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


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_ignored_with_a_reason(kind: str) -> None:
    found = _read({kind: {"id": "1", "from": PERSON}})
    assert (found.kind, found.reason) == ("ignored", f"update kind {kind}")


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
    ],
)
def test_in_a_group_only_what_is_said_to_the_bot(text: str, addressed: bool, left: str) -> None:
    found = _message(GROUP, text=text)
    assert (found.addressed, found.text) == (addressed, left)


def test_in_a_group_a_reply_to_the_bot_is_said_to_it() -> None:
    assert _message(GROUP, text="and on Sunday?", reply_to_message={"from": {"id": BOT}}).addressed
    assert not _message(GROUP, text="and on Sunday?", reply_to_message={"from": {"id": 5}}).addressed


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
    ],
)
def test_commands(text: str, command: str | None, argument: str) -> None:
    found = _message(text=text)
    assert (found.command, found.argument) == (command, argument)


def test_topics_have_addresses_of_their_own() -> None:
    assert _message(GROUP, text="/a", is_topic_message=True, message_thread_id=7).address == "-100500/7"
    assert _message(GROUP, text="/a", message_thread_id=7).address == "-100500"  # a reply thread is no topic


def test_an_anonymous_admin_is_the_chat() -> None:
    found = _read({"message": {"message_id": 1, "chat": GROUP, "sender_chat": GROUP, "text": "/x"}})
    assert (found.sender_id, found.sender_name) == (-100500, "Shop")


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
     "reply_to_message", "new_chat_member", "id", "type", "username", "language_code", "status", "is_bot"]
)  # fmt: skip
_shaped = st.recursive(_json, lambda inner: st.dictionaries(_fields, inner, max_size=6), max_leaves=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["message", "my_chat_member", "update_id", "poll"]), _shaped, max_size=3))
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
