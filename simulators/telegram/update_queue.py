"""The queue of updates of one bot: ids, lifetimes, bounds and the meaning of `offset`."""

import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]
QueueKey = tuple[str, int]

MAX_UPDATES = 100_000
MAX_TOTAL_BYTES = 128 * 1024 * 1024
MAX_UPDATE_BYTES = 512 * 1024
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
DAY = 86_400.0
WEEK = 7 * DAY

DEFAULT_EXCLUDED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
KINDS = frozenset(
    [
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "guest_message",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
        "subscription",
        "stopped_message_generation",
    ]
)
_SHORT_LIVES = {
    "callback_query": 150.0,
    "shipping_query": 150.0,
    "pre_checkout_query": 150.0,
    "inline_query": 30.0,
    "chosen_inline_result": 600.0,
}
_CHAT_KINDS = frozenset({"message", "edited_message", "channel_post", "edited_channel_post"})
_BUSINESS_KINDS = frozenset({"business_message", "edited_business_message", "deleted_business_messages"})


@dataclass(frozen=True, slots=True)
class Queued:
    """One waiting update. `body` is its JSON as sent, `key` the webhook queue it belongs to."""

    update_id: int
    key: QueueKey
    body: bytes
    expires_at: float


def expiry(kind: str, payload: Any, now: float) -> float:
    """When Telegram stops trying to deliver an update of this kind."""
    if kind in _CHAT_KINDS and isinstance(payload, dict):
        return float(payload.get("edit_date") or payload.get("date") or now) + DAY
    return now + _SHORT_LIVES.get(kind, DAY)


def queue_key(kind: str, payload: Any, update_id: int) -> QueueKey:
    """The webhook queue of an update: one per chat, with a different tag for each family of kinds."""
    if not isinstance(payload, dict):
        return kind, update_id
    if kind in _CHAT_KINDS:
        return "chat", _id_in(payload.get("chat"))
    if kind in _BUSINESS_KINDS:
        return "business", _id_in(payload.get("chat"))
    if "chat" in payload:
        return kind, _id_in(payload["chat"])
    owner = payload.get("from") or payload.get("user")
    return (kind, _id_in(owner)) if owner else (kind, update_id)


def _id_in(owner: Any) -> int:
    found = owner.get("id") if isinstance(owner, dict) else None
    return found if isinstance(found, int) else 0


class UpdateQueue:
    """Updates in id order. New ones are lost when it is full, as at Telegram."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._items: OrderedDict[int, Queued] = OrderedDict()
        self._bytes = 0
        self._pushed_at = 0.0
        self._minute = 0
        self._this_minute = 0
        self._last_minute = 0
        self.next_id = self._random_start()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, update_id: int) -> bool:
        return update_id in self._items

    def _random_start(self) -> int:
        return self._rng.randint(2_000_001, 1_000_000_000)

    def push(self, fields: Json, *, now: float, expires_at: float | None = None) -> int | None:
        """Append an update (`fields` without update_id); its id, or None when it was lost or is already too old."""
        kind, payload = next(iter(fields.items()), ("", None))
        if not self._items and self._pushed_at and now - self._pushed_at > WEEK:
            self.next_id = self._random_start()
        lives_until = expiry(kind, payload, now) if expires_at is None else expires_at
        update_id = self.next_id
        rest = orjson.dumps(fields)[1:]
        body = b'{"update_id":%d' % update_id + (b",\n" + rest if fields else rest)
        if len(self._items) >= MAX_UPDATES or len(body) > MAX_UPDATE_BYTES or self._bytes + len(body) > MAX_TOTAL_BYTES:
            self.lost += 1
            return None
        if lives_until <= now:
            return None
        self._items[update_id] = Queued(update_id, queue_key(kind, payload, update_id), body, lives_until)
        self._bytes += len(body)
        self._pushed_at = now
        self._count(now)
        self.next_id += 1
        return update_id

    def _count(self, now: float) -> None:
        self.pushed_lately(now)
        self._this_minute += 1

    def pushed_lately(self, now: float) -> int:
        """How many updates came in this minute and the one before."""
        minute = int(now // 60)
        if minute != self._minute:
            self._last_minute = self._this_minute if minute == self._minute + 1 else 0
            self._minute, self._this_minute = minute, 0
        return self._this_minute + self._last_minute

    def remove(self, update_id: int) -> None:
        """Forget one update (delivered, or given up)."""
        item = self._items.pop(update_id, None)
        if item is not None:
            self._bytes -= len(item.body)

    def clear(self) -> None:
        """Forget everything (drop_pending_updates)."""
        self._items.clear()
        self._bytes = 0

    def _forget_before(self, update_id: int) -> None:
        while self._items:
            head = next(iter(self._items))
            if head >= update_id:
                return
            self.remove(head)

    def acknowledge(self, offset: int) -> None:
        """Apply the meaning of getUpdates' `offset`; an offset out of all proportion acknowledges nothing."""
        if offset == 0 or not self._items:
            return
        head = next(iter(self._items))
        if offset < 0:
            self._forget_before(max(head, self.next_id + offset))
        elif head - 100_000 <= offset <= self.next_id + 10:
            self._forget_before(offset)

    def head(self, *, limit: int, now: float) -> list[Queued]:
        """The first `limit` live updates, cut at about 4 MiB. Expired ones are dropped on the way."""
        found: list[Queued] = []
        expired: list[int] = []
        size = 0
        for item in self._items.values():
            if item.expires_at <= now:
                expired.append(item.update_id)
                continue
            size += len(item.body)
            if len(found) >= limit or (found and size > MAX_RESPONSE_BYTES):
                break
            found.append(item)
        for update_id in expired:
            self.remove(update_id)
        return found

    def get(self, update_id: int) -> Queued | None:
        """One waiting update."""
        return self._items.get(update_id)

    def first_id(self) -> int:
        """The id at the head; the id the next update will get when the queue is empty."""
        return next(iter(self._items), self.next_id)
