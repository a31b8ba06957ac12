"""Places, contacts, dice, forwards and copies, rich messages."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.methods.markup import checked_markup
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import (
    find_chat,
    named_chat,
    reply_fields,
    spend,
    store_sent,
    thread_fields,
    writable_chat,
)
from simulators.telegram.model import StoredMessage

Json = dict[str, Any]

RICH_LETTERS = 32_768
_NOT_CONTENT = frozenset(
    {"message_id", "from", "chat", "date", "edit_date", "reply_markup", "reply_to_message", "message_thread_id",
     "is_topic_message", "business_connection_id", "sender_business_bot", "media_group_id"}
)  # fmt: skip


async def _send(call: Call, kind: str, content: Json) -> Json:
    markup = checked_markup(call)
    chat = writable_chat(call, kind)
    fields = {**reply_fields(call, chat), **thread_fields(call, chat), **content}
    fields |= {"reply_markup": markup} if markup else {}
    await spend(call, chat)
    return store_sent(call, writable_chat(call, kind), fields)


def _degrees(call: Call, name: str, limit: float) -> float:
    try:
        value = float(call.params.text(name))
    except ValueError:
        raise bad_request(f"{name} must be a number") from None
    if not -limit <= value <= limit:
        raise bad_request("location is invalid")
    return value


@method("sendLocation")
async def send_location(call: Call) -> object:
    """Send a point on the map."""
    place = {"latitude": _degrees(call, "latitude", 90), "longitude": _degrees(call, "longitude", 180)}
    return await _send(call, "location", {"location": place})


@method("sendContact")
async def send_contact(call: Call) -> object:
    """Send a phone number and a name."""
    if not call.params.has("phone_number"):
        raise bad_request("phone number is empty")
    given = {name: call.params.text(name) for name in ("phone_number", "first_name", "last_name")}
    return await _send(call, "contact", {"contact": {name: value for name, value in given.items() if value}})


@method("sendDice")
async def send_dice(call: Call) -> object:
    """Throw a die."""
    value = call.core.rng.randint(1, 6)
    return await _send(call, "dice", {"dice": {"emoji": call.params.text("emoji") or "🎲", "value": value}})


@method("sendRichMessage")
async def send_rich_message(call: Call) -> object:
    """Send raw Markdown or HTML of up to 32768 letters; kept as one paragraph, unsupported clients show nothing."""
    given = call.params.json("rich_message", "can't parse rich message JSON object")
    if not isinstance(given, dict):
        raise bad_request("object expected as rich message")
    text = str(given.get("markdown") or given.get("html") or "")
    if not text.strip():
        raise bad_request("message text is empty")
    if len(text) > RICH_LETTERS:
        raise bad_request("message is too long")
    blocks = [{"type": "paragraph", "text": {"type": "plain", "text": text}}]
    return await _send(call, "text", {"rich_message": {"blocks": blocks}})


def _source(call: Call, what: str) -> StoredMessage:
    chat = named_chat(call, "from_chat_id")
    stored = chat.messages.get(call.params.integer("message_id"))
    if stored is None or stored.deleted_at is not None:
        raise bad_request(f"message to {what} not found")
    return stored


@method("forwardMessage")
async def forward_message(call: Call) -> object:
    """Forward a message the bot can see."""
    find_chat(call)
    message = _source(call, "forward").message
    content = {name: value for name, value in message.items() if name not in _NOT_CONTENT}
    origin = {"type": "user", "sender_user": message["from"], "date": message["date"]}
    return await _send(call, "text", {**content, "forward_origin": origin})


@method("copyMessage")
async def copy_message(call: Call) -> object:
    """Send the content of a message anew; answers with the new id only."""
    find_chat(call)
    message = _source(call, "copy").message
    content = {name: value for name, value in message.items() if name not in _NOT_CONTENT}
    return {"message_id": (await _send(call, "text", content))["message_id"]}
