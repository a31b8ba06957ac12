"""Chats, members, chat actions and answers to pressed buttons."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import business_connection, find_chat, spend, writable_chat

Json = dict[str, Any]

CALLBACK_LIFETIME = 150.0
MAX_CALLBACK_ANSWER = 200
_ACTIONS = frozenset(
    {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
     "choose_sticker", "find_location", "record_video_note", "upload_video_note", "cancel"}
)  # fmt: skip


@method("sendChatAction")
async def send_chat_action(call: Call) -> object:
    """Show that the bot is doing something (5 seconds, or until its next message)."""
    action = call.params.text("action").lower()
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = writable_chat(call)
    await spend(call, chat, "action")
    chat.actions.append({"action": action, "at": call.core.clock.now()})
    call.core.hub.publish("action", chat.bot_id, chat.id, {"action": action})
    return True


@method("answerCallbackQuery")
async def answer_callback_query(call: Call) -> object:
    """Stop the button's spinner, with a note or without."""
    callback = call.core.world.callbacks.get(call.params.text("callback_query_id"))
    now = call.core.clock.now()
    if (
        callback is None
        or callback.bot_id != call.bot.id
        or callback.answer is not None
        or now - callback.pressed_at > CALLBACK_LIFETIME
    ):
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    text = call.params.text("text")
    if len(text) > MAX_CALLBACK_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    callback.answer = {"text": text, "show_alert": call.params.flag("show_alert"), "at": now}
    call.core.hub.publish(
        "callback_answer", callback.bot_id, callback.chat_id, {"callback_id": callback.id, "answer": callback.answer}
    )
    return True


@method("getChat")
async def get_chat(call: Call) -> object:
    """Full information, as far as it is kept."""
    chat = find_chat(call)
    return {
        **call.core.world.chat_json(chat),
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": True,
            "limited_gifts": True,
            "unique_gifts": True,
            "premium_subscription": True,
            "gifts_from_channels": True,
        },
    }


@method("getChatMember")
async def get_chat_member(call: Call) -> object:
    """The state of one person or bot in a chat."""
    chat = find_chat(call)
    world = call.core.world
    user_id = call.params.long("user_id")
    bot = world.bots.get(user_id)
    user = bot.as_user() if bot is not None else world.users.get(user_id)
    if user is None:
        raise bad_request("user not found")
    inside = user_id in chat.members or chat.type == "private"
    if user_id in chat.kicked:
        return {"status": "kicked", "user": user, "until_date": 0}
    return {"status": "member" if inside else "left", "user": user}


@method("getBusinessConnection")
async def get_business_connection(call: Call) -> object:
    """What is known of a business account that was lent to the bot."""
    connection = business_connection(call)
    return connection.as_json(call.core.world.users[connection.owner_id])


@method("getChatMemberCount")
async def get_chat_member_count(call: Call) -> object:
    """How many people and bots are in the chat."""
    chat = find_chat(call)
    return 2 if chat.type == "private" else len(chat.members)


@method("leaveChat")
async def leave_chat(call: Call) -> object:
    """Leave a group."""
    chat = find_chat(call)
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.members.discard(call.bot.id)
    return True
