"""What people do: write, send files, press buttons, react, block bots. Each act becomes updates for bots."""

from typing import Any

from simulators.telegram.acts import ActError, membership
from simulators.telegram.clock import Clock
from simulators.telegram.core import Core
from simulators.telegram.files import content_of
from simulators.telegram.formatting.detect import with_detected
from simulators.telegram.model import Bot, Callback, Chat, StoredMessage

Json = dict[str, Any]


class People:
    """Acts of people in one simulated Telegram."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    @property
    def _clock(self) -> Clock:
        return self._core.clock

    def say(self, bot: Bot, user_id: int, text: str, *, chat_id: int = 0, **extra: Any) -> Json:
        """Write a text to a bot, or into a group. `extra` holds further Message fields (entities, ...)."""
        entities = extra.pop("entities", None) or with_detected(text, [])
        fields = {"text": text, **({"entities": entities} if entities else {}), **extra}
        return self.post(bot, user_id, fields, chat_id=chat_id)

    def send_file(
        self, bot: Bot, user_id: int, *, kind: str, name: str, mime_type: str, data: bytes, chat_id: int = 0,
        caption: str = "", duration: int = 0, **extra: Any,
    ) -> Json:  # fmt: skip
        """Send a photo, document, voice, audio, video, animation, sticker or video_note. `extra`: Message fields."""
        stored = self._core.files.add(kind, name, mime_type, data)
        entities = with_detected(caption, [])
        fields = content_of(stored, duration) | ({"caption": caption} if caption else {}) | extra
        fields |= {"caption_entities": entities} if entities else {}
        return self.post(bot, user_id, fields, chat_id=chat_id)

    def post(self, bot: Bot, user_id: int, fields: Json, *, chat_id: int = 0, reply_to: int = 0) -> Json:
        """Send any message; `fields` are those of Message, and `reply_to` and `thread` (a topic) by number."""
        user = self._user(user_id)
        chat = self._chat_for(bot, user_id, chat_id)
        reply_to = int(fields.pop("reply_to", reply_to) or 0)
        thread = int(fields.pop("thread", 0) or 0)
        if thread:
            if chat.type != "private" and chat.topics.get(thread) != "open":
                raise ActError(f"there is no open topic {thread} in this chat")
            fields |= {"message_thread_id": thread, "is_topic_message": True}
            reply_to = reply_to or (thread if thread in chat.messages else 0)
        if reply_to:
            replied = chat.messages.get(reply_to)
            if replied is None:
                raise ActError(f"there is no message {reply_to} in this chat")
            fields["reply_to_message"] = {k: v for k, v in replied.message.items() if k != "reply_to_message"}
        message = self._world.store(bot, chat, user, fields, outgoing=False)
        kind = "channel_post" if chat.type == "channel" else "message"
        for reader in self._readers(bot, chat, message):
            self._world.push(reader, kind, message)
        return message

    def edit(self, bot: Bot, user_id: int, message_id: int, fields: Json, *, chat_id: int = 0) -> Json:
        """Change an own message: `fields` hold a new `text` or `caption`, or any other content (a live location)."""
        chat = self._chat_for(bot, user_id, chat_id)
        stored = chat.messages.get(message_id)
        if stored is None or stored.author != user_id:
            raise ActError("only an own message can be edited")
        stored.edits.append(
            {key: stored.message[key] for key in ("text", "caption", "entities") if key in stored.message}
        )
        changes: Json = {**fields, "edit_date": int(self._clock.now())}
        dropped = set()
        for name, marks in (("text", "entities"), ("caption", "caption_entities")):
            if name in fields:
                dropped.add(marks)
                entities = with_detected(str(fields[name]), [])
                changes |= {marks: entities} if entities else {}
        kept = {key: value for key, value in stored.message.items() if key not in dropped}
        stored.message = kept | changes
        self._core.hub.publish("edit", chat.bot_id, chat.id, {"message": stored.message})
        kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
        for reader in self._readers(bot, chat, stored.message):
            self._world.push(reader, kind, stored.message)
        return stored.message

    def react(self, bot: Bot, user_id: int, message_id: int, emoji: str, *, chat_id: int = 0) -> None:
        """Put a reaction on a message ("" takes it away): message_reaction, for bots that asked for it."""
        user = self._user(user_id)
        chat = self._chat_for(bot, user_id, chat_id)
        stored = chat.messages.get(message_id)
        if stored is None or stored.deleted_at is not None:
            raise ActError(f"there is no message {message_id} in this chat")
        old = stored.reactions.pop(user_id, "")
        if emoji:
            stored.reactions[user_id] = emoji
        payload = {
            "chat": self._world.chat_json(chat),
            "message_id": message_id,
            "user": user,
            "date": int(self._clock.now()),
            "old_reaction": [{"type": "emoji", "emoji": old}] if old else [],
            "new_reaction": [{"type": "emoji", "emoji": emoji}] if emoji else [],
        }
        # in groups only administrators learn of reactions
        everyone = [bot] if chat.type == "private" else [b for b in self._inside(chat) if b.id in chat.admins]
        for reader in everyone:
            self._world.push(reader, "message_reaction", payload)

    def press(self, bot: Bot, user_id: int, message_id: int, data: str, *, chat_id: int = 0) -> Callback:
        """Press an inline button of a message."""
        user = self._user(user_id)
        chat = self._chat_for(bot, user_id, chat_id)
        stored = chat.messages.get(message_id)
        if stored is None or stored.deleted_at is not None:
            raise ActError(f"there is no message {message_id} in this chat")
        if data not in _button_data(stored):
            raise ActError("the message has no such button")
        callback = self._world.add_callback(bot, user_id, chat.id)
        payload = {"id": callback.id, "from": user, "message": stored.message, "chat_instance": str(abs(chat.id))}
        self._world.push(bot, "callback_query", payload | {"data": data})
        return callback

    def block(self, bot: Bot, user_id: int) -> None:
        """Block a bot: it learns of it by my_chat_member."""
        self._set_blocked(bot, user_id, blocked=True)

    def unblock(self, bot: Bot, user_id: int) -> None:
        """Unblock a bot."""
        self._set_blocked(bot, user_id, blocked=False)

    def _set_blocked(self, bot: Bot, user_id: int, *, blocked: bool) -> None:
        user = self._user(user_id)
        chat = self._world.private_chat(bot, user_id)
        if chat.blocked == blocked:
            return
        chat.blocked = blocked
        old, new = ("member", "kicked") if blocked else ("kicked", "member")
        membership(self._core, bot, chat, user, (old, new))
        self._core.hub.publish("blocked", bot.id, chat.id, {"blocked": blocked})

    def stop_generation(self, bot: Bot, user_id: int) -> None:
        """Press the stop button under the bot's preview."""
        chat = self._chat_for(bot, user_id, 0)
        if chat.draft is None or not chat.draft.can_stop:
            raise ActError("there is no preview that can be stopped")
        payload: Json = {"chat": self._world.chat_json(chat), "draft_id": chat.draft.draft_id}
        payload |= {"message_thread_id": chat.draft.thread} if chat.draft.thread else {}
        if not chat.draft.keep_on_stop:
            chat.draft = None
        self._world.push(bot, "stopped_message_generation", payload)

    def _user(self, user_id: int) -> Json:
        user = self._world.users.get(user_id)
        if user is None:
            raise ActError(f"there is no user {user_id}")
        if user_id in self._world.deactivated:
            raise ActError("this account is deactivated")
        return user

    def _chat_for(self, bot: Bot, user_id: int, chat_id: int) -> Chat:
        if chat_id in (0, user_id):
            chat = self._world.private_chat(bot, user_id)
            if chat.blocked:
                raise ActError("the bot is blocked; unblock it first")
            chat.started = True
            return chat
        group = self._world.chats.get((0, chat_id))
        if group is None or group.migrated_to:
            raise ActError(f"there is no group {chat_id}")
        if user_id not in group.members:
            raise ActError("the user is not a member of this group")
        return group

    def _inside(self, chat: Chat) -> list[Bot]:
        return [self._world.bots[member] for member in sorted(chat.members) if member in self._world.bots]

    def _readers(self, bot: Bot, chat: Chat, message: Json) -> list[Bot]:
        """The bots that see a message: in groups only what privacy mode lets through; administrators see all."""
        if chat.type == "private":
            return [bot]
        return [
            reader
            for reader in self._inside(chat)
            if reader.reads_all_group_messages or reader.id in chat.admins or _meant_for(reader, message)
        ]


def _meant_for(bot: Bot, message: Json) -> bool:
    if message.get("reply_to_message", {}).get("from", {}).get("id") == bot.id:
        return True
    if not {"text", "caption"} & message.keys():
        return False
    text = str(message.get("text") or message.get("caption")).encode("utf-16-le")
    for entity in message.get("entities") or message.get("caption_entities") or []:
        begin, length = entity["offset"] * 2, entity["length"] * 2
        value = text[begin : begin + length].decode("utf-16-le", "replace").lower()
        name = f"@{bot.username.lower()}"
        if entity["type"] == "bot_command" and ("@" not in value or value.endswith(name)):
            return True
        if entity["type"] == "mention" and value == name:
            return True
    return False


def _button_data(stored: StoredMessage) -> set[str]:
    rows = stored.message.get("reply_markup", {}).get("inline_keyboard", [])
    return {button["callback_data"] for row in rows for button in row if "callback_data" in button}
