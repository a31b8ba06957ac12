"""What people do: write, send files, press buttons, block bots, move groups. Each act becomes updates for bots."""

from typing import Any

from simulators.telegram.clock import Clock
from simulators.telegram.core import Core
from simulators.telegram.files import content_of
from simulators.telegram.formatting.detect import with_detected
from simulators.telegram.model import Bot, Callback, Chat, StoredMessage

Json = dict[str, Any]


class ActError(Exception):
    """A person cannot do that; the text says why."""


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
        caption: str = "", duration: int = 0,
    ) -> Json:  # fmt: skip
        """Send a photo, document, voice, audio or video."""
        stored = self._core.files.add(kind, name, mime_type, data)
        fields = content_of(stored, duration) | ({"caption": caption} if caption else {})
        return self.post(bot, user_id, fields, chat_id=chat_id)

    def post(self, bot: Bot, user_id: int, fields: Json, *, chat_id: int = 0, reply_to: int = 0) -> Json:
        """Send any message; `fields` are those of Message."""
        user = self._user(user_id)
        chat = self._chat_for(bot, user_id, chat_id)
        reply_to = int(fields.pop("reply_to", reply_to) or 0)
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

    def edit(self, bot: Bot, user_id: int, message_id: int, text: str, *, chat_id: int = 0) -> Json:
        """Change an own text."""
        chat = self._chat_for(bot, user_id, chat_id)
        stored = chat.messages.get(message_id)
        if stored is None or stored.author != user_id:
            raise ActError("only an own message can be edited")
        stored.edits.append({key: stored.message[key] for key in ("text", "entities") if key in stored.message})
        entities = with_detected(text, [])
        kept = {key: value for key, value in stored.message.items() if key != "entities"}
        changed = {**kept, "text": text, "edit_date": int(self._clock.now())}
        stored.message = changed | ({"entities": entities} if entities else {})
        self._core.hub.publish("edit", chat.bot_id, chat.id, {"message": stored.message})
        for reader in self._readers(bot, chat, stored.message):
            self._world.push(reader, "edited_message", stored.message)
        return stored.message

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
        self._push_membership(bot, chat, user, old, new)
        self._core.hub.publish("blocked", bot.id, chat.id, {"blocked": blocked})

    def _push_membership(self, bot: Bot, chat: Chat, actor: Json, old: str, new: str) -> None:
        def member(status: str) -> Json:
            return {"user": bot.as_user(), "status": status, **({"until_date": 0} if status == "kicked" else {})}

        payload = {
            "chat": self._world.chat_json(chat),
            "from": actor,
            "date": int(self._clock.now()),
            "old_chat_member": member(old),
            "new_chat_member": member(new),
        }
        self._world.push(bot, "my_chat_member", payload)

    def stop_generation(self, bot: Bot, user_id: int) -> None:
        """Press the stop button under the bot's preview."""
        chat = self._chat_for(bot, user_id, 0)
        if chat.draft is None or not chat.draft.can_stop:
            raise ActError("there is no preview that can be stopped")
        payload = {"chat": self._world.chat_json(chat), "draft_id": chat.draft.draft_id}
        chat.draft = None
        self._world.push(bot, "stopped_message_generation", payload)

    def add_to_group(self, chat: Chat, member_id: int, actor_id: int = 0) -> None:
        """Add a person or a bot to a group."""
        chat.members.add(member_id)
        chat.kicked.discard(member_id)
        bot = self._world.bots.get(member_id)
        if bot is not None:
            self._push_membership(bot, chat, self._actor(chat, actor_id), "left", "member")

    def kick(self, chat: Chat, bot: Bot, actor_id: int = 0) -> None:
        """Throw a bot out of a group."""
        chat.members.discard(bot.id)
        chat.kicked.add(bot.id)
        self._push_membership(bot, chat, self._actor(chat, actor_id), "member", "kicked")

    def migrate(self, chat: Chat) -> Chat:
        """Turn a group into a supergroup with a new id; bots get both service messages."""
        if chat.type != "group" or chat.migrated_to:
            raise ActError("only a group that has not migrated yet can become a supergroup")
        target = self._world.add_group(chat.title)
        target.members = set(chat.members)
        chat.migrated_to = target.id
        actor = self._actor(chat, 0)
        pair = ((chat, {"migrate_to_chat_id": target.id}), (target, {"migrate_from_chat_id": chat.id}))
        for place, fields in pair:
            message = self._world.store(None, place, actor, dict(fields), outgoing=False)
            for member in sorted(chat.members & self._world.bots.keys()):
                self._world.push(self._world.bots[member], "message", message)
        return target

    def _actor(self, chat: Chat, user_id: int) -> Json:
        people = [member for member in sorted(chat.members) if member in self._world.users]
        chosen = user_id or (people[0] if people else 0)
        return self._world.users.get(chosen) or {"id": chosen or 1, "is_bot": False, "first_name": "Admin"}

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

    def _readers(self, bot: Bot, chat: Chat, message: Json) -> list[Bot]:
        """The bots that see a message: in groups only what privacy mode lets through."""
        if chat.type == "private":
            return [bot]
        inside = [self._world.bots[member] for member in sorted(chat.members) if member in self._world.bots]
        return [reader for reader in inside if reader.reads_all_group_messages or _meant_for(reader, message)]


def _meant_for(bot: Bot, message: Json) -> bool:
    if message.get("reply_to_message", {}).get("from", {}).get("id") == bot.id:
        return True
    if not {"text", "caption"} & message.keys():
        return False
    text = str(message.get("text") or message.get("caption")).encode("utf-16-le")
    for entity in message.get("entities", []):
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
