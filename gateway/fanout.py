"""From Redis to the streams of this process. It listens to the slots that have a client here, and to no others.

Redis may be away, or lose a signal: every `poll` seconds Postgres is asked, in one query a tenant, whether an open
dialog is further than its stream, and after a reconnection every stream reads up.
"""

import asyncio
from collections import Counter as Tally
from collections import defaultdict
from uuid import UUID

from domain.bus import (
    Delta,
    DialogEvent,
    Listening,
    Publisher,
    Signal,
    Subscriber,
    TurnState,
    Typing,
    bell_channel,
    events_channel,
)
from domain.kit.clock import Clock
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.redis import Redis
from domain.kit.tasks import Tasks
from gateway.sse.feed import Feed
from gateway.sse.history import DialogHistory

log = logger(__name__)


class Fanout:
    """One a process."""

    def __init__(
        self, redis: Redis, publisher: Publisher, history: DialogHistory, clock: Clock, *, poll: float
    ) -> None:
        self._publisher = publisher
        self._subscriber = Subscriber(redis, self._on_signal, self._on_reconnect)
        self._history = history
        self._clock = clock
        self._poll = poll
        self._feeds: defaultdict[UUID, set[Feed]] = defaultdict(set)
        self._slots: Tally[int] = Tally()
        self._listening: set[int] = set()
        self._changing = asyncio.Lock()

    def start(self, tasks: Tasks) -> None:
        """Begin; `tasks` owns the two loops."""
        tasks.eternal("fanout", self._subscriber.run())
        tasks.eternal("safety-poll", self._poll_for_ever())

    async def join(self, feed: Feed) -> None:
        """Signals of the feed's dialog go there from now on."""
        self._feeds[feed.dialog_id].add(feed)
        self._slots[feed.slot] += 1
        await self._listen(feed.slot)

    async def leave(self, feed: Feed) -> None:
        """No more signals."""
        self._feeds[feed.dialog_id].discard(feed)
        if not self._feeds[feed.dialog_id]:
            del self._feeds[feed.dialog_id]
        self._slots[feed.slot] -= 1
        await self._listen(feed.slot)

    async def check(self) -> None:
        """Mark the feeds whose dialogs are further in Postgres. Raises Unavailable."""
        for tenant_id, feeds in self._by_tenant().items():
            seqs = await self._history.last_seqs(tenant_id=tenant_id, dialog_ids=list({f.dialog_id for f in feeds}))
            for feed in feeds:
                if seqs.get(feed.dialog_id, 0) > feed.seq:
                    feed.mark_stale()

    async def _listen(self, slot: int) -> None:
        """Subscribe or not, as the count says by now; one at a time, or a leave could overtake a join."""
        async with self._changing:
            wanted = self._slots[slot] > 0
            if wanted and slot not in self._listening:
                self._listening.add(slot)
                await self._subscriber.add([events_channel(slot)])
                await self._publisher.publish([(bell_channel(slot), Listening(slot))])
            elif not wanted:
                del self._slots[slot]
                if slot in self._listening:
                    self._listening.discard(slot)
                    await self._subscriber.remove([events_channel(slot)])

    def _by_tenant(self) -> dict[UUID, list[Feed]]:
        tenants: defaultdict[UUID, list[Feed]] = defaultdict(list)
        for feeds in self._feeds.values():
            for feed in feeds:
                tenants[feed.tenant_id].append(feed)
        return tenants

    def _on_signal(self, _: str, signal: Signal) -> None:
        if isinstance(signal, DialogEvent | Delta | TurnState | Typing):
            for feed in self._feeds.get(signal.dialog_id, ()):
                feed.offer(signal)

    def _on_reconnect(self) -> None:
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.mark_stale()

    async def _poll_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._poll)
            try:
                await self.check()
            except Unavailable as error:
                log.warning("fanout.poll_failed", error=error.detail)
