"""What happens to groups: members and bots come and go, rights change, topics open, a group becomes a supergroup."""

from typing import Any

from simulators.telegram.acts import ActError, membership
from simulators.telegram.core import Core
from simulators.telegram.model import Bot, Chat

Json = dict[str, Any]

TOPIC_COLOR = 7_322_096


class Groups:
    """Acts on groups, supergroups and channels of one simulated Telegram."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def add(self, chat: Chat, member_id: int, actor_id: int = 0) -> None:
        """Add a person (a service message for bots that see it, chat_member) or a bot (my_chat_member)."""
        old = "kicked" if member_id in chat.kicked else "member" if member_id in chat.members else "left"
        chat.members.add(member_id)
        chat.kicked.discard(member_id)
        bot = self._world.bots.get(member_id)
        actor = self._actor(chat, actor_id)
        if bot is not None:
            membership(self._core, bot, chat, actor, (old, "member"))
        elif old != "member" and member_id in self._world.users:
            self._person_moved(chat, self._world.users[member_id], (old, "member"))

    def leave(self, chat: Chat, user_id: int) -> None:
        """A person leaves: left_chat_member and chat_member."""
        if user_id not in chat.members:
            raise ActError("the user is not a member of this group")
        chat.members.discard(user_id)
        self._person_moved(chat, self._world.users[user_id], ("member", "left"))

    def kick(self, chat: Chat, bot: Bot, actor_id: int = 0) -> None:
        """Throw a bot out of a group."""
        chat.members.discard(bot.id)
        chat.admins.discard(bot.id)
        chat.kicked.add(bot.id)
        membership(self._core, bot, chat, self._actor(chat, actor_id), ("member", "kicked"))

    def promote(self, chat: Chat, bot: Bot, *, admin: bool, actor_id: int = 0) -> None:
        """Make a bot an administrator (it then reads everything), or an ordinary member again."""
        old, new = ("member", "administrator") if admin else ("administrator", "member")
        (chat.admins.add if admin else chat.admins.discard)(bot.id)
        membership(self._core, bot, chat, self._actor(chat, actor_id), (old, new))

    def open_topic(self, chat: Chat, name: str, actor_id: int = 0) -> Json:
        """Open a topic; the service message whose id is the topic's."""
        chat.is_forum = True
        content = {"forum_topic_created": {"name": name, "icon_color": TOPIC_COLOR}, "is_topic_message": True}
        message = self._world.store(None, chat, self._actor(chat, actor_id), content, outgoing=False)
        message["message_thread_id"] = message["message_id"]
        chat.topics[message["message_id"]] = "open"
        self._tell(chat, message)
        return message

    def change_topic(self, chat: Chat, thread: int, act: str, actor_id: int = 0) -> None:
        """`act` close, reopen or delete. ActError when there is no such topic."""
        if thread not in chat.topics:
            raise ActError(f"there is no topic {thread} in this group")
        if act == "delete":
            chat.topics[thread] = "deleted"
            return
        field = {"close": "forum_topic_closed", "reopen": "forum_topic_reopened"}[act]
        chat.topics[thread] = "closed" if act == "close" else "open"
        content = {field: {}, "is_topic_message": True, "message_thread_id": thread}
        self._tell(chat, self._world.store(None, chat, self._actor(chat, actor_id), content, outgoing=False))

    def migrate(self, chat: Chat) -> Chat:
        """Turn a group into a supergroup with a new id; bots get both service messages."""
        if chat.type != "group" or chat.migrated_to:
            raise ActError("only a group that has not migrated yet can become a supergroup")
        target = self._world.add_group(chat.title)
        target.members, target.admins = set(chat.members), set(chat.admins)
        chat.migrated_to = target.id
        actor = self._actor(chat, 0)
        pair = ((chat, {"migrate_to_chat_id": target.id}), (target, {"migrate_from_chat_id": chat.id}))
        for place, fields in pair:
            self._tell(place, self._world.store(None, place, actor, dict(fields), outgoing=False))
        return target

    def request_to_join(self, chat: Chat, user_id: int) -> None:
        """A person asks to be let in."""
        payload = {
            "chat": self._world.chat_json(chat),
            "from": self._world.users[user_id],
            "user_chat_id": user_id,
            "date": int(self._core.clock.now()),
        }
        self._push(chat, "chat_join_request", payload)

    def _person_moved(self, chat: Chat, user: Json, change: tuple[str, str]) -> None:
        payload = {
            "chat": self._world.chat_json(chat),
            "from": user,
            "date": int(self._core.clock.now()),
            "old_chat_member": {"user": user, "status": change[0]},
            "new_chat_member": {"user": user, "status": change[1]},
        }
        self._push(chat, "chat_member", payload)
        if chat.type == "channel" or not self._bots(chat):
            return
        content: Json = {"new_chat_members": [user]} if change[1] == "member" else {"left_chat_member": user}
        self._tell(chat, self._world.store(None, chat, user, content, outgoing=False))

    def _bots(self, chat: Chat) -> list[Bot]:
        return [self._world.bots[member] for member in sorted(chat.members) if member in self._world.bots]

    def _push(self, chat: Chat, kind: str, payload: Json) -> None:
        for bot in self._bots(chat):
            self._world.push(bot, kind, payload)

    def _tell(self, chat: Chat, message: Json) -> None:
        """Service messages reach every bot inside, whatever its privacy."""
        self._push(chat, "channel_post" if chat.type == "channel" else "message", message)

    def _actor(self, chat: Chat, user_id: int) -> Json:
        people = [member for member in sorted(chat.members) if member in self._world.users]
        chosen = user_id or (people[0] if people else 0)
        return self._world.users.get(chosen) or {"id": chosen or 1, "is_bot": False, "first_name": "Admin"}
