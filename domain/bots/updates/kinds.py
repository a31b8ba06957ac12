"""Every kind of update that is no message. Pure."""

from collections.abc import Callable
from typing import Any

from domain.bots.updates.fields import identifier, items, loose, name_of, part, word
from domain.bots.updates.model import Connection, Incoming

# What Telegram is asked for (allowed_updates), in webhooks and in polling: every kind that changes anything here.
HANDLED = (
    "message",
    "edited_message",
    "business_connection",
    "business_message",
    "edited_business_message",
    "callback_query",
    "message_reaction",
    "my_chat_member",
    "stopped_message_generation",
)

# Kinds that are known and change nothing, with the reason why.
IGNORED = {
    "channel_post": "channels are not conversations",
    "edited_channel_post": "channels are not conversations",
    "deleted_business_messages": "what was said stays in the record",
    "guest_message": "guest chats are not conversations with the bot",
    "message_reaction_count": "anonymous reactions belong to nobody's conversation",
    "inline_query": "the bot has no inline mode",
    "chosen_inline_result": "the bot has no inline mode",
    "shipping_query": "the bot sells nothing",
    "pre_checkout_query": "the bot sells nothing",
    "purchased_paid_media": "the bot sells nothing",
    "poll": "the bot makes no polls",
    "poll_answer": "the bot makes no polls",
    "chat_member": "other members of a chat come and go",
    "chat_join_request": "the bot lets nobody into chats",
    "chat_boost": "boosts are not conversations",
    "removed_chat_boost": "boosts are not conversations",
    "managed_bot": "the bot manages no bots",
    "subscription": "the bot sells nothing",
}


def read_other(update: dict[str, Any]) -> Incoming:
    """What an update without a message means. Raises KeyError, TypeError, ValueError for an unexpected shape."""
    for kind, read in _READERS.items():
        if value := update.get(kind):
            return read(value)
    kinds = [key for key in update if key != "update_id"]
    if not kinds:
        return Incoming("ignored", reason="empty update")
    why = IGNORED.get(kinds[0], "this version does not know it")
    return Incoming("ignored", reason=f"update kind {kinds[0][:60]}: {why}")


def _membership(member: dict[str, Any]) -> Incoming:
    chat = member["chat"]
    now = member["new_chat_member"]
    muted = now["status"] == "restricted" and not (now.get("is_member") and now.get("can_send_messages"))
    sender = part(member.get("from"))
    return Incoming(
        "blocked" if muted or now["status"] in {"kicked", "left"} else "unblocked",
        chat_id=identifier(chat["id"]),
        chat_type=str(chat["type"]),
        sender_id=identifier(sender.get("id", 0)),
    )


def _callback(query: dict[str, Any]) -> Incoming:
    """Its message may be missing (an inline message) or inaccessible; nothing of it is needed."""
    sender = query["from"]
    return Incoming(
        "callback",
        callback_id=str(query["id"]),
        sender_id=identifier(sender["id"]),
        language=word(sender.get("language_code")),
    )


def _reaction(reaction: dict[str, Any]) -> Incoming:
    who = part(reaction.get("user")) or part(reaction.get("actor_chat"))
    return Incoming(
        "reaction",
        chat_id=identifier(reaction["chat"]["id"]),
        chat_type=str(reaction["chat"].get("type", "private")),
        sender_id=identifier(who.get("id", 0)),
        sender_name=name_of(who),
        message_id=identifier(reaction["message_id"]),
        emoji=tuple(_emoji(part(one)) for one in items(reaction.get("new_reaction")))[:20],
    )


def _emoji(reaction: dict[str, Any]) -> str:
    return loose(reaction.get("emoji"), 16) or loose(reaction.get("type"), 16) or "?"


def _connection(connection: dict[str, Any]) -> Incoming:
    # Before Bot API 9.0 the right was a field of its own.
    right = part(connection.get("rights")).get("can_reply") or connection.get("can_reply")
    owner = identifier(connection["user"]["id"])
    return Incoming(
        "connection",
        sender_id=owner,
        connection=Connection(str(connection["id"])[:200], owner, bool(connection.get("is_enabled") and right)),
    )


def _stopped(stopped: dict[str, Any]) -> Incoming:
    topic = stopped.get("message_thread_id")
    return Incoming(
        "stopped",
        chat_id=identifier(stopped["chat"]["id"]),
        topic_id=identifier(topic) if topic else None,
        draft_id=identifier(stopped["draft_id"]),
    )


_READERS: dict[str, Callable[[dict[str, Any]], Incoming]] = {
    "my_chat_member": _membership,
    "callback_query": _callback,
    "message_reaction": _reaction,
    "business_connection": _connection,
    "stopped_message_generation": _stopped,
}
