"""Where a call goes: the chat, whether the bot may write there, the message it replies to."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request, forbidden
from simulators.telegram.model import BusinessConnection, Chat

Json = dict[str, Any]

_RIGHTS = {
    "text": "text messages",
    "photo": "photos",
    "document": "documents",
    "voice": "voice notes",
    "audio": "music",
    "video": "videos",
    "animation": "animations",
    "sticker": "stickers",
    "video_note": "video notes",
    "location": "locations",
    "contact": "contacts",
    "dice": "dice",
}


def find_chat(call: Call) -> Chat:
    """The chat named by `chat_id`, in the bot's own name or a business account's. 400 when it has never met it."""
    if call.params.has("business_connection_id") and call.params.has("chat_id"):
        return _business_chat(call)
    return named_chat(call, "chat_id")


def named_chat(call: Call, name: str) -> Chat:
    """The chat that the parameter `name` gives by id or @username. 400 when the bot has never met it."""
    raw = call.params.text(name).strip()
    if not raw:
        raise bad_request("chat_id is empty")
    world = call.core.world
    if raw.startswith("@"):
        username = raw[1:].lower()
        for (_, chat_id), chat in world.chats.items():
            if chat_id < 0 and chat.username.lower() == username:
                return chat
        raise bad_request("chat not found")
    chat_id = call.params.long(name)
    found = world.chat(call.bot, chat_id)
    if found is not None:
        return found
    if chat_id in world.bots:
        raise forbidden("the bot can't send messages to the bot")
    if chat_id in world.users:
        raise forbidden("bot can't initiate conversation with a user")
    raise bad_request("chat not found")


def _business_chat(call: Call) -> Chat:
    """A customer of the account that was lent to the bot."""
    connection = business_connection(call)
    chat = connection.chats.get(call.params.long("chat_id"))
    if call.params.long("chat_id") == connection.owner_id:
        raise bad_request("messages must not be sent to self")
    if chat is None:
        raise bad_request("chat not found")
    return chat


def business_connection(call: Call) -> BusinessConnection:
    """The connection named by the call. 400 for one that is not the bot's."""
    connection = call.core.world.business.get(call.params.text("business_connection_id"))
    if connection is None or connection.bot_id != call.bot.id:
        raise bad_request("business connection not found")
    return connection


def _check_business(call: Call) -> None:
    connection = business_connection(call)
    if not connection.enabled:
        raise bad_request("business connection not found")
    if not connection.can_reply:
        raise bad_request("BUSINESS_CONNECTION_NOT_ALLOWED")


async def spend(call: Call, chat: Chat, kind: str = "message") -> None:
    """Pass the flood control of the chat (see Limits.spend)."""
    await call.core.limits.spend(call.bot, chat.id, kind, paid=call.params.flag("allow_paid_broadcast"))


def store_sent(call: Call, chat: Chat, fields: Json) -> Json:
    """Keep a message the bot has sent, in its own name or in that of a business account. The message."""
    world = call.core.world
    if not chat.business:
        return world.store(call.bot, chat, call.bot.as_user(), fields, outgoing=True)
    owner = world.users[business_connection(call).owner_id]
    fields = {"business_connection_id": chat.business, "sender_business_bot": call.bot.as_user(), **fields}
    message = world.store(None, chat, owner, fields, outgoing=True)
    chat.messages[message["message_id"]].author = call.bot.id
    return message


def writable_chat(call: Call, content: str = "text") -> Chat:
    """The chat, after every reason not to write there has been checked. `content` is what would be sent."""
    chat = find_chat(call)
    if chat.business:
        _check_business(call)
    elif chat.type == "private":
        _check_private(call, chat)
    else:
        _check_group(call, chat, content)
    thread = call.params.integer("message_thread_id")
    if thread and chat.type != "private":
        _check_thread(chat, thread)
    return chat


def _check_thread(chat: Chat, thread: int) -> None:
    state = chat.topics.get(thread, "")
    if state in {"closed", "deleted"}:
        raise bad_request(f"TOPIC_{state.upper()}")
    if thread not in chat.messages:
        raise bad_request("message thread not found")


def _check_private(call: Call, chat: Chat) -> None:
    if chat.id in call.core.world.deactivated:
        raise forbidden("user is deactivated")
    if chat.blocked:
        raise forbidden("bot was blocked by the user")
    if not chat.started:
        raise forbidden("bot can't initiate conversation with a user")


def _check_group(call: Call, chat: Chat, content: str) -> None:
    if chat.migrated_to:
        raise bad_request("group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat.migrated_to})
    if chat.deleted:
        raise forbidden("the group chat was deleted")
    if call.bot.id in chat.kicked:
        raise forbidden(f"bot was kicked from the {chat.kind_name}")
    if call.bot.id not in chat.members:
        raise forbidden(f"bot is not a member of the {chat.kind_name}")
    if chat.type == "channel" and call.bot.id not in chat.admins:
        raise bad_request("need administrator rights in the channel chat")
    if "write" in chat.restricted:
        raise bad_request("have no write access to the chat")
    if content in chat.restricted:
        raise bad_request(f"not enough rights to send {_RIGHTS.get(content, content)} to the chat")


def reply_fields(call: Call, chat: Chat) -> Json:
    """`reply_to_message` and `quote`. 400 when the message is gone and that was not allowed for."""
    given = call.params.json("reply_parameters", "can't parse reply parameters JSON object")
    given = given if isinstance(given, dict) else {}
    message_id = given.get("message_id") or call.params.integer("reply_to_message_id")
    if not message_id:
        return {}
    stored = chat.messages.get(message_id) if isinstance(message_id, int) else None
    if stored is None or stored.deleted_at is not None:
        lenient = given.get("allow_sending_without_reply") or call.params.flag("allow_sending_without_reply")
        if lenient:
            return {}
        raise bad_request("message to be replied not found")
    shown = {key: value for key, value in stored.message.items() if key != "reply_to_message"}
    fields: Json = {"reply_to_message": shown}
    if given.get("quote"):
        fields["quote"] = {"text": str(given["quote"]), "position": given.get("quote_position", 0), "is_manual": True}
    return fields


def thread_fields(call: Call, chat: Chat) -> Json:
    """`message_thread_id` as it is echoed in the message."""
    thread = call.params.integer("message_thread_id")
    if not thread:
        return {}
    return {"message_thread_id": thread, **({"is_topic_message": True} if chat.type != "private" else {})}
