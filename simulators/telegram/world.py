"""The state of the simulated Telegram and the small questions everybody asks it."""

import itertools
import random
import string
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from simulators.telegram.clock import Clock
from simulators.telegram.events import EventHub
from simulators.telegram.model import Bot, BusinessConnection, Callback, Chat, StoredMessage
from simulators.telegram.update_queue import UpdateQueue

Json = dict[str, Any]

CALLBACKS_KEPT = 10_000
MESSAGES_IN_ALL = 200_000
_SECRET_LETTERS = string.ascii_letters + string.digits


class World:
    """Bots by token, people by id, chats by (bot, chat). One event loop owns it: no locks."""

    def __init__(self, clock: Clock, rng: random.Random, hub: EventHub) -> None:
        self.clock = clock
        self.rng = rng
        self.hub = hub
        self.bots: dict[int, Bot] = {}
        self.tokens: dict[str, Bot] = {}
        self.users: dict[int, Json] = {}
        self.deactivated: set[int] = set()
        self.chats: dict[tuple[int, int], Chat] = {}
        self.callbacks: OrderedDict[str, Callback] = OrderedDict()
        self._kept: deque[tuple[Chat, int]] = deque()
        self.business: dict[str, BusinessConnection] = {}
        self.on_update: Callable[[Bot], None] = lambda _bot: None
        self._ids = itertools.count(1)

    def add_bot(self, token: str = "", *, username: str = "", first_name: str = "") -> Bot:
        """Create a bot, or give back the one that has this token."""
        if token in self.tokens:
            return self.tokens[token]
        if not token:
            secret = "".join(self.rng.choices(_SECRET_LETTERS, k=35))
            number = next(n for n in map((8_100_000_000).__add__, self._ids) if n not in self.bots)
            token = f"{number}:{secret}"
        bot_id = int(token.split(":", 1)[0])
        old = self.bots.get(bot_id)
        if old is not None:  # a new token for the same bot: BotFather's /revoke
            self.tokens.pop(old.token, None)
            old.token = token
            self.tokens[token] = old
            return old
        bot = Bot(
            id=bot_id,
            token=token,
            username=username or f"sim{bot_id}_bot",
            first_name=first_name or username or f"Bot {bot_id}",
            queue=UpdateQueue(self.rng),
        )
        self.bots[bot_id] = self.tokens[token] = bot
        self.hub.publish("bot", bot_id, 0, {"bot": bot.as_user()})
        return bot

    def remove_bot(self, bot: Bot) -> None:
        """Delete a bot: its token is answered with 401 from now on."""
        self.bots.pop(bot.id, None)
        self.tokens.pop(bot.token, None)
        bot.webhook = None

    def add_user(self, user_id: int = 0, **fields: Any) -> Json:
        """Create or update a person. Fields are those of Bot API's User."""
        while not user_id or user_id in self.bots:
            user_id = 500_000_000 + next(self._ids)
            if user_id in self.users:
                user_id = 0
        user = self.users.get(user_id) or {"id": user_id, "is_bot": False, "first_name": f"User {user_id}"}
        user.update({key: value for key, value in fields.items() if value not in (None, "")})
        self.users[user_id] = user
        self.hub.publish("user", 0, 0, {"user": user})
        return user

    def add_group(self, title: str, kind: str = "supergroup", chat_id: int = 0, username: str = "") -> Chat:
        """Create a group, supergroup or channel; members are added to `members` by the caller."""
        if not chat_id:
            number = next(self._ids)
            chat_id = -(4_000_000 + number) if kind == "group" else -(1_002_000_000_000 + number)
        chat = Chat(id=chat_id, type=kind, title=title, username=username, started=True)
        self.chats[0, chat_id] = chat
        self.hub.publish("chat", 0, chat_id, {"chat": self.chat_json(chat)})
        return chat

    def chat(self, bot: Bot, chat_id: int) -> Chat | None:
        """The chat as this bot would find it, None when it has never met it."""
        return self.chats.get((0, chat_id)) if chat_id < 0 else self.chats.get((bot.id, chat_id))

    def private_chat(self, bot: Bot, user_id: int) -> Chat:
        """The private chat of a person with a bot, made when it is new."""
        chat = self.chats.get((bot.id, user_id))
        if chat is None:
            chat = self.chats[bot.id, user_id] = Chat(id=user_id, type="private", bot_id=bot.id)
        return chat

    def chat_json(self, chat: Chat) -> Json:
        """The chat as it appears in messages."""
        if chat.type == "private":
            user = self.users.get(chat.id, {})
            names: Json = {key: user[key] for key in ("first_name", "last_name", "username") if key in user}
            return {"id": chat.id, **names, "type": "private"}
        shown: Json = {"id": chat.id, "title": chat.title, "type": chat.type}
        if chat.username:
            shown["username"] = chat.username
        if chat.is_forum:
            shown["is_forum"] = True
        return shown

    def next_message_id(self, bot: Bot | None, chat: Chat) -> int:
        """Private chats of a bot share one counter, groups have their own."""
        counter: Bot | Chat = bot if bot is not None and chat.type == "private" and not chat.business else chat
        message_id = counter.next_message_id
        counter.next_message_id += 1
        return message_id

    def store(self, bot: Bot | None, chat: Chat, author: Json, content: Json, *, outgoing: bool) -> Json:
        """Number a message, keep it in its chat and show it to whoever watches. The message."""
        message: Json = {
            "message_id": self.next_message_id(bot, chat),
            "from": author,
            "chat": self.chat_json(chat),
            "date": int(self.clock.now()),
            **content,
        }
        chat.keep(StoredMessage(message, author["id"], outgoing))
        self._kept.append((chat, message["message_id"]))
        while len(self._kept) > MESSAGES_IN_ALL:  # long runs: the oldest messages of all chats are forgotten
            forgotten, message_id = self._kept.popleft()
            forgotten.messages.pop(message_id, None)
        if outgoing:
            chat.draft = None  # any real message of the bot replaces its preview
        self.hub.publish("message", chat.bot_id, chat.id, {"message": message, "outgoing": outgoing})
        return message

    def push(
        self, bot: Bot, kind: str, payload: Json, *, forced: bool = False, expires_at: float | None = None
    ) -> int | None:
        """Create an update for a bot; its id, or None when it is unwanted, lost or too old."""
        if not forced and not bot.wants(kind):
            return None
        return self.push_raw(bot, {kind: payload}, expires_at=expires_at)

    def push_raw(self, bot: Bot, fields: Json, *, expires_at: float | None = None) -> int | None:
        """Queue an update as given (no update_id in it), whatever its kind."""
        update_id = bot.queue.push(fields, now=self.clock.now(), expires_at=expires_at)
        if update_id is not None:
            self.on_update(bot)
        return update_id

    def add_callback(self, bot: Bot, user_id: int, chat_id: int) -> Callback:
        """Remember a pressed button."""
        number = str(self.rng.randint(10**17, 10**18))
        callback = Callback(number, bot.id, user_id, chat_id, self.clock.now())
        self.callbacks[number] = callback
        while len(self.callbacks) > CALLBACKS_KEPT:
            self.callbacks.popitem(last=False)
        return callback

    def reset(self) -> None:
        """Forget people, chats and callbacks; bots stay, with empty queues."""
        self.users.clear()
        self.chats.clear()
        self._kept.clear()
        self.callbacks.clear()
        self.business.clear()
        self.deactivated.clear()
        for bot in self.bots.values():
            bot.queue.clear()
