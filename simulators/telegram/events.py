"""What happens, told live to the chat page and to tests that wait for something."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

Json = dict[str, Any]

SUBSCRIBER_BACKLOG = 5_000


@dataclass(eq=False)
class Subscription:
    """Encoded events for one watcher. A watcher that falls behind is told to start over."""

    bot_id: int = 0
    events: "asyncio.Queue[bytes]" = field(default_factory=lambda: asyncio.Queue(SUBSCRIBER_BACKLOG))
    overrun: bool = False


class EventHub:
    """Publishes events to every subscription of their bot (0: of everything)."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._changed = asyncio.Event()

    @contextmanager
    def subscribe(self, bot_id: int = 0) -> Iterator[Subscription]:
        """Listen while the block runs."""
        subscription = Subscription(bot_id)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, kind: str, bot_id: int, chat_id: int, data: Json) -> None:
        """Tell watchers; never waits."""
        self.touch()
        if not self._subscriptions:
            return
        event = orjson.dumps({"type": kind, "bot_id": bot_id, "chat_id": chat_id, **data})
        for subscription in self._subscriptions:
            if subscription.bot_id and bot_id and subscription.bot_id != bot_id:
                continue
            try:
                subscription.events.put_nowait(event)
            except asyncio.QueueFull:
                subscription.overrun = True

    def touch(self) -> None:
        """Wake those who wait for any change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def changed(self) -> asyncio.Event:
        """An event that is set at the next change."""
        return self._changed

    def close(self) -> None:
        """End every subscription (the server stops)."""
        for subscription in self._subscriptions:
            subscription.overrun = True
            while not subscription.events.empty():
                subscription.events.get_nowait()
            subscription.events.put_nowait(b"{}")
