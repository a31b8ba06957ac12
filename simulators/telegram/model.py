"""What exists in the simulated Telegram: bots, people, chats and their messages."""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from simulators.telegram.update_queue import DEFAULT_EXCLUDED, KINDS, UpdateQueue

Json = dict[str, Any]

MESSAGES_KEPT = 1_000
DRAFTS_KEPT = 500


@dataclass
class Webhook:
    """Where a bot wants its updates, and how the last tries went."""

    url: str
    secret: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_certificate: bool = False
    last_error_date: int = 0
    last_error: str = ""


@dataclass
class PollState:
    """The one waiting getUpdates of a bot, and what its throttling remembers."""

    waiter: "asyncio.Future[None] | None" = None
    ended_by: str = ""
    last_offset: int | None = None
    last_start: float = 0.0
    next_conflict_at: float = 0.0


@dataclass
class Bot:
    """A bot account. `allowed` None means the default set of update kinds.

    `loaded_at`: when the server got its first request; `active`: requests under way; `stars`: its balance;
    `next_file_at`: when the next upload of a size may go.
    """

    id: int
    token: str
    username: str
    first_name: str
    queue: UpdateQueue
    can_join_groups: bool = True
    reads_all_group_messages: bool = False
    allowed: frozenset[str] | None = None
    webhook: Webhook | None = None
    next_set_webhook_at: float = 0.0
    setting_webhook: "asyncio.Future[None] | None" = None
    poll: PollState = field(default_factory=PollState)
    stored: Json = field(default_factory=dict)
    next_message_id: int = 1
    closed: str = ""
    loaded_at: float = 0.0
    active: int = 0
    stars: float = 0.0
    next_file_at: dict[int, float] = field(default_factory=dict)

    def as_user(self) -> Json:
        """The bot as it appears in `from`."""
        return {"id": self.id, "is_bot": True, "first_name": self.first_name, "username": self.username}

    def wants(self, kind: str) -> bool:
        """Whether an update of this kind is created for the bot at all."""
        return kind in self.allowed if self.allowed is not None else kind not in DEFAULT_EXCLUDED


def allowed_kinds(listed: list[Any]) -> frozenset[str] | None:
    """The stored form of `allowed_updates`: nothing known in the list means the default."""
    known = frozenset(kind for kind in listed if isinstance(kind, str)) & KINDS
    return known if known and known != KINDS - DEFAULT_EXCLUDED else None


@dataclass
class StoredMessage:
    """A message with its past. `edits` holds the earlier versions, oldest first."""

    message: Json
    author: int
    outgoing: bool
    edits: list[Json] = field(default_factory=list)
    deleted_at: float | None = None
    reactions: dict[int, str] = field(default_factory=dict)


@dataclass
class Draft:
    """The live preview of a message being written by a bot."""

    draft_id: int
    text: str
    entities: list[Json]
    at: float
    can_stop: bool = False
    keep_on_stop: bool = False
    thread: int = 0


@dataclass
class Chat:
    """A private chat of one bot (`bot_id` set) or a group that bots share.

    `started` becomes true when the person writes first. `members` holds ids of people and bots;
    `kicked` the bots that were thrown out. `restricted` names what may not be sent ("text", "photo", ...); "write"
    stands for everything. `topics`: thread id to open, closed or deleted. `business`: the connection it belongs to.
    """

    id: int
    type: str
    bot_id: int = 0
    title: str = ""
    username: str = ""
    is_forum: bool = False
    started: bool = False
    blocked: bool = False
    deleted: bool = False
    migrated_to: int = 0
    business: str = ""
    members: set[int] = field(default_factory=set)
    admins: set[int] = field(default_factory=set)
    kicked: set[int] = field(default_factory=set)
    restricted: set[str] = field(default_factory=set)
    topics: dict[int, str] = field(default_factory=dict)
    next_message_id: int = 1
    messages: OrderedDict[int, StoredMessage] = field(default_factory=OrderedDict)
    draft: Draft | None = None
    drafts: deque[Json] = field(default_factory=lambda: deque(maxlen=DRAFTS_KEPT))
    actions: deque[Json] = field(default_factory=lambda: deque(maxlen=100))

    @property
    def kind_name(self) -> str:
        """The word of the error strings: "group chat", "supergroup chat", "channel chat"."""
        return f"{self.type} chat"

    def keep(self, stored: StoredMessage) -> None:
        """Add a message, dropping the oldest beyond the bound."""
        self.messages[stored.message["message_id"]] = stored
        while len(self.messages) > MESSAGES_KEPT:
            self.messages.popitem(last=False)


@dataclass
class Callback:
    """A pressed button that waits for answerCallbackQuery."""

    id: str
    bot_id: int
    user_id: int
    chat_id: int
    pressed_at: float
    answer: Json | None = None


@dataclass
class BusinessConnection:
    """An account lent to a bot; `chats` are its conversations with customers, by the customer's id."""

    id: str
    bot_id: int
    owner_id: int
    date: int
    can_reply: bool = True
    enabled: bool = True
    chats: dict[int, Chat] = field(default_factory=dict)

    def as_json(self, owner: Json) -> Json:
        """The BusinessConnection of the Bot API."""
        return {
            "id": self.id,
            "user": owner,
            "user_chat_id": self.owner_id,
            "date": self.date,
            "rights": {"can_reply": True, "can_read_messages": True} if self.can_reply else {},
            "is_enabled": self.enabled,
        }
