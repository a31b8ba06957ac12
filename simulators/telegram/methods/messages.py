"""Text messages: send, edit, delete."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.formatting.text import caption_text, message_text
from simulators.telegram.methods.markup import checked_markup
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import find_chat, reply_fields, spend, store_sent, thread_fields, writable_chat
from simulators.telegram.model import Chat, StoredMessage

Json = dict[str, Any]

DELETABLE_FOR = 48 * 3600.0
MAX_AT_ONCE = 100
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content"
    " and reply markup of the message"
)


def text_content(call: Call, *, too_long: str = "message is too long") -> Json:
    """`text` and `entities` of the call, checked."""
    params = call.params
    entities = params.json("entities", "can't parse entities JSON object")
    text, found = message_text(params.text("text"), params.text("parse_mode"), entities, too_long=too_long)
    return {"text": text, **({"entities": found} if found else {})}


def link_preview(call: Call) -> Json:
    """`link_preview_options` as echoed. 400 when it is not an object."""
    options = call.params.json("link_preview_options", "can't parse link preview options JSON object")
    if options is None:
        return {"link_preview_options": {"is_disabled": True}} if call.params.flag("disable_web_page_preview") else {}
    if not isinstance(options, dict):
        raise bad_request("object expected as link preview options")
    return {"link_preview_options": options} if options else {}


@method("sendMessage")
async def send_message(call: Call) -> object:
    """Send a text."""
    if not call.params.text("text"):
        find_chat(call)
        raise bad_request("message text is empty")
    content = text_content(call)
    markup = checked_markup(call)
    preview = link_preview(call)
    chat = writable_chat(call, "text")
    fields = {**reply_fields(call, chat), **thread_fields(call, chat), **content, **preview}
    if markup:
        fields["reply_markup"] = markup
    await spend(call, chat)
    chat = writable_chat(call, "text")  # it may have been blocked while the call was held
    return store_sent(call, chat, fields)


def own_message(call: Call, chat: Chat) -> StoredMessage:
    """The bot's own message named by `message_id`. 400 when there is none or it is somebody else's."""
    stored = chat.messages.get(call.params.integer("message_id"))
    if stored is None or stored.deleted_at is not None:
        raise bad_request("message to edit not found")
    if not stored.outgoing or stored.author != call.bot.id:
        raise bad_request("message can't be edited")
    return stored


async def apply_edit(call: Call, chat: Chat, stored: StoredMessage, changes: Json, dropped: tuple[str, ...]) -> Json:
    """Replace parts of a message and keep the earlier version. 400 when nothing changes."""
    core = call.core
    old = stored.message
    new = {key: value for key, value in old.items() if key not in (*dropped, "edit_date")} | changes
    if new == {key: value for key, value in old.items() if key != "edit_date"}:
        raise bad_request(_NOT_MODIFIED)
    await spend(call, chat)
    version: Json = {key: old[key] for key in ("text", "caption", "entities", "reply_markup") if key in old}
    stored.edits.append({**version, "at": core.clock.now()})
    stored.message = {**new, "edit_date": int(core.clock.now())}
    core.hub.publish("edit", chat.bot_id, chat.id, {"message": stored.message})
    return stored.message


@method("editMessageText")
async def edit_message_text(call: Call) -> object:
    """Change the text (and the keyboard) of the bot's own message."""
    if call.params.has("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    chat = writable_chat(call, "text")
    stored = own_message(call, chat)
    if not call.params.text("text"):
        raise bad_request("message text is empty")
    changes = text_content(call, too_long="MESSAGE_TOO_LONG") | link_preview(call)
    markup = checked_markup(call)
    if "text" not in stored.message:
        raise bad_request("there is no text in the message to edit")
    if markup:
        changes["reply_markup"] = markup
    return await apply_edit(call, chat, stored, changes, ("text", "entities", "link_preview_options", "reply_markup"))


@method("editMessageReplyMarkup")
async def edit_message_reply_markup(call: Call) -> object:
    """Change only the keyboard."""
    chat = writable_chat(call, "text")
    stored = own_message(call, chat)
    markup = checked_markup(call)
    return await apply_edit(call, chat, stored, {"reply_markup": markup} if markup else {}, ("reply_markup",))


@method("editMessageCaption")
async def edit_message_caption(call: Call) -> object:
    """Change the caption (and the keyboard) of the bot's own message."""
    params = call.params
    chat = writable_chat(call)
    stored = own_message(call, chat)
    if "text" in stored.message:
        raise bad_request("there is no caption in the message to edit")
    entities = params.json("caption_entities", "can't parse entities JSON object")
    caption, found = caption_text(params.text("caption"), params.text("parse_mode"), entities)
    markup = checked_markup(call)
    changes: Json = ({"caption": caption} if caption else {}) | ({"caption_entities": found} if found else {})
    changes |= {"reply_markup": markup} if markup else {}
    return await apply_edit(call, chat, stored, changes, ("caption", "caption_entities", "reply_markup"))


@method("deleteMessages")
async def delete_messages(call: Call) -> object:
    """Delete up to 100 messages; those that cannot be deleted are skipped."""
    chat = find_chat(call)
    listed = call.params.json("message_ids", "can't parse message_ids JSON object")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_AT_ONCE:
        words = "too many message identifiers" if listed else "message identifiers are not"
        raise bad_request(f"{words} specified")
    for message_id in listed:
        stored = chat.messages.get(message_id)
        if stored is None or stored.deleted_at is not None:
            continue
        if chat.type == "private" or stored.author == call.bot.id:
            _delete(call, chat, stored)
    return True


def _delete(call: Call, chat: Chat, stored: StoredMessage) -> None:
    stored.deleted_at = call.core.clock.now()
    call.core.hub.publish("delete", chat.bot_id, chat.id, {"message_id": stored.message["message_id"]})


@method("deleteMessage")
async def delete_message(call: Call) -> object:
    """Delete the bot's own message, or any message of a private chat."""
    chat = find_chat(call)
    stored = chat.messages.get(call.params.integer("message_id"))
    if stored is None or stored.deleted_at is not None:
        raise bad_request("message to delete not found")
    if chat.type != "private" and stored.author != call.bot.id:
        raise bad_request("message can't be deleted for everyone")
    if call.core.clock.now() - stored.message["date"] >= DELETABLE_FOR:
        raise bad_request("message can't be deleted")
    _delete(call, chat, stored)
    return True
