"""Telegram updates of every kind, as the Bot API documents them, and bytes that are none.

Each is a dict to be sent by Telegram; a `chat` of a private message is that of the person who will write afterwards.
"""

from typing import Any

Update = dict[str, Any]
DATE = 1_790_000_000
BOT = {"id": 7, "is_bot": True, "first_name": "Other bot"}
FILE: Update = {"file_id": "f1", "file_unique_id": "u1", "file_size": 100}
GROUP: Update = {"id": -1_009_900_001, "type": "supergroup", "title": "Fleet"}
CHANNEL: Update = {"id": -1_009_900_002, "type": "channel", "title": "News"}

CONTENTS: dict[str, Any] = {
    "text": "Ahoy",
    "animation": {**FILE, "width": 1, "height": 1, "duration": 1},
    "audio": {**FILE, "duration": 3},
    "document": {**FILE, "file_name": "list.pdf"},
    "photo": [{**FILE, "width": 90, "height": 90}],
    "sticker": {**FILE, "type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False},
    "video": {**FILE, "width": 1, "height": 1, "duration": 1},
    "video_note": {**FILE, "length": 1, "duration": 1},
    "voice": {**FILE, "duration": 2},
    "contact": {"phone_number": "+100", "first_name": "Ann"},
    "dice": {"emoji": "🎲", "value": 3},
    "game": {"title": "g", "description": "d", "photo": []},
    "poll": {"id": "1", "question": "?", "options": [], "total_voter_count": 0},
    "venue": {"location": {"latitude": 1, "longitude": 2}, "title": "Pier", "address": "1"},
    "location": {"latitude": 1.5, "longitude": 2.5},
    "story": {"id": 1, "chat": CHANNEL},
    "users_shared": {"request_id": 1, "users": []},
    "successful_payment": {"currency": "RUB", "total_amount": 100, "invoice_payload": "p"},
    "web_app_data": {"data": "{}", "button_text": "b"},
}
SERVICE: dict[str, Any] = {
    "new_chat_members": [BOT],
    "left_chat_member": BOT,
    "new_chat_title": "T",
    "delete_chat_photo": True,
    "group_chat_created": True,
    "migrate_to_chat_id": -1_009_900_003,
    "pinned_message": {"message_id": 1, "date": 0, "chat": GROUP},
    "forum_topic_created": {"name": "t", "icon_color": 1},
    "video_chat_started": {},
    "message_auto_delete_timer_changed": {"message_auto_delete_time": 60},
    "a_service_message_of_next_year": {"deep": [{"er": None}]},
}


def message(person: Update, chat: Update | None = None, **fields: Any) -> Update:
    """An update with a message."""
    private = {"id": person["id"], "type": "private", "first_name": person["first_name"]}
    return {"message": {"message_id": 800, "date": DATE, "chat": chat or private, "from": person, **fields}}


def good(person: Update) -> list[Update]:
    """Updates that Telegram may send."""
    text = message(person, text="Ahoy", message_id=801)["message"]
    updates = [message(person, **{kind: value}) for kind, value in CONTENTS.items()]
    updates += [message(person, GROUP, **{kind: value}) for kind, value in {**CONTENTS, **SERVICE}.items()]
    updates += [
        message(person, text="привет " * 580, entities=[{"type": "bold", "offset": 0, "length": 5}]),
        message(person, text="\u202e👩‍👩‍👧‍👦 ﷽ \ufeff\x00 end"),
        message(person, caption="How much?", photo=CONTENTS["photo"], media_group_id="7"),
        message(person, text="ahoy", forward_origin={"type": "hidden_user", "sender_user_name": "x", "date": 1}),
        message(person, text="yes", reply_to_message=text, quote={"text": "Ahoy", "position": 0}),
        message(BOT, GROUP, text="I am a bot"),
        {"message": {"message_id": 802, "date": DATE, "chat": GROUP, "sender_chat": GROUP, "text": "anonymous"}},
        {"edited_message": {**text, "edit_date": DATE + 1}},
        {"channel_post": {"message_id": 1, "date": DATE, "chat": CHANNEL, "text": "news"}},
        {"edited_channel_post": {"message_id": 1, "date": DATE, "chat": CHANNEL, "text": "news!"}},
        {"inline_query": {"id": "1", "from": person, "query": "boat", "offset": ""}},
        {"chosen_inline_result": {"result_id": "1", "from": person, "query": "boat"}},
        {"callback_query": {"id": "1", "from": person, "chat_instance": "1", "data": "x", "message": text}},
        {"shipping_query": {"id": "1", "from": person, "invoice_payload": "p", "shipping_address": {}}},
        {"pre_checkout_query": {"id": "1", "from": person, "currency": "RUB", "total_amount": 1}},
        {"poll": CONTENTS["poll"]},
        {"poll_answer": {"poll_id": "1", "user": person, "option_ids": [0]}},
        {"chat_join_request": {"chat": GROUP, "from": person, "user_chat_id": person["id"], "date": DATE}},
        {"message_reaction": {"chat": GROUP, "message_id": 1, "date": DATE, "old_reaction": [], "new_reaction": []}},
        {"chat_boost": {"chat": CHANNEL, "boost": {"boost_id": "1"}}},
        {"business_connection": {"id": "1", "user": person, "user_chat_id": person["id"], "date": DATE}},
        {"an_update_of_next_year": {"id": 1}},
    ]
    return updates


def poison(person: Update) -> list[Update]:
    """Updates that cannot be read: each belongs into the dead letters, and its chat goes on."""
    return [
        {"message": "a text where an object should be"},
        {"message": {"message_id": 1, "date": DATE, "from": person, "text": "no chat"}},
        message(person, {"id": "not a number", "type": "private"}, text="x"),
        message(person, text=["not", "a", "text"]),
        message({**person, "id": None}, text="nobody"),
        {"my_chat_member": {"chat": GROUP}},
    ]
