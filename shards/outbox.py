"""Sends of the owned slots: a lane per bot, a line per chat, exact windows, one send of a chat at a time.

Memory is bounded: of each bot the first rows are here, the rest waits in Postgres and is read as there is room. Rows
are taken over as they are committed (`push`); a look at the outbox every second finds what no bell announced.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence

from domain.bots import Bot
from domain.bus import Publisher
from domain.clients.telegram import Outcome, Refused
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from domain.outbox import OutboxRow
from domain.outbox import service as outbox
from shards.delivery import DeliveryMarks
from shards.figures import publish_figures
from shards.lanes import HELD, HELD_BULK, Lane, SpareAdmission
from shards.ownership import Ownership
from shards.sending import FLOODS, Call, FindBot, Policy, Sending, TokenDied

log = logger(__name__)

LOOK_EVERY = 1.0  # seconds between looks at the outbox, should every bell be lost
REPORT_EVERY = 2.0  # seconds between figures for /metrics/telegram-rate-limit
EVICT_EVERY = 60.0  # seconds between looks for idle chats and lanes
MAX_BULK = 20_000  # rows in memory above which no more of broadcasts are read
DEFAULT_RATE = 30  # messages a second
SETTLE = 12.0  # seconds a send on the wire gets when its slot is handed over


class Sender:
    """Drains the outbox of the owned slots."""

    def __init__(
        self,
        *,
        db: Database,
        publisher: Publisher,
        ownership: Ownership,
        marks: DeliveryMarks,
        call: Call,
        find_bot: FindBot,
        known_bot: Callable[[int], Bot | None],
        policy: Policy,
        token_died: TokenDied,
        clock: Clock,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._ownership = ownership
        self._call = call
        self._find_bot = find_bot
        self._known_bot = known_bot
        self._clock = clock
        self._lanes: dict[int, Lane] = {}
        self._open: set[int] = set()
        self._looked: set[int] = set()  # open slots whose older rows have been read
        self._doubted: set[int] = set()  # slots that got older rows, perhaps, since the look that runs has begun
        self._wake = asyncio.Event()
        self._tasks = Tasks("outbox")
        self._reported_at = self._evicted_at = self._bulk_at = 0.0
        self._sending = Sending(
            ownership=ownership,
            marks=marks,
            call=call,
            find_bot=find_bot,
            policy=policy,
            token_died=token_died,
            moved=self.ring,
            clock=clock,
        )

    def ring(self) -> None:
        """Something may be in the outbox."""
        self._wake.set()

    def push(self, rows: Sequence[OutboxRow]) -> None:
        """Rows that were just committed: no need to read them again, unless older ones of their slot are unread."""
        for row in rows:
            if row.slot in self._looked and self._ownership.owns(row.slot):
                self._lane(row.bot_id, row.slot).offer(row)

    def doubt(self, slots: Iterable[int]) -> None:
        """Nobody knows whether a commit in these happened: sends that it left are read before newer ones are taken."""
        self._looked.difference_update(slots)
        self._doubted.update(slots)
        self.ring()

    async def run(self) -> None:
        """Eternal: find what waits."""
        while True:
            self._wake.clear()
            try:
                await self._look()
            except Unavailable as error:
                log.warning("outbox.paused", reason=error.detail)
            await self._tend()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def send_ephemeral(self, bot_id: int, method: str, payload: dict[str, object]) -> Outcome | None:
        """A draft or an action: sent if the windows have room to spare now, else dropped (None)."""
        bot = await self._find_bot(bot_id)
        if bot is None or bot.slot not in self._open or not self._ownership.owns(bot.slot):
            return None
        lane = self._lane(bot.id, bot.slot)
        chat_id = payload["chat_id"]
        if not isinstance(chat_id, int):
            return None
        spare = SpareAdmission(lane, chat_id, shown=method != "sendChatAction")
        if not spare.likely():
            return None
        outcome = await self._call(bot, method, payload, spare)
        if not spare.given:
            return None
        if isinstance(outcome, Refused) and outcome.code == 429:
            FLOODS.inc()
            lane.flooded(chat_id, outcome.retry_after or 5.0)
        return outcome

    async def has_room(self, bot_id: int, chat_id: int) -> bool:
        """Whether a send to this chat would delay no other now."""
        bot = await self._find_bot(bot_id)
        if bot is None or bot.slot not in self._open:
            return False
        return self._lane(bot.id, bot.slot).has_spare(chat_id, shown=True)

    async def gained(self, slots: frozenset[int]) -> None:
        """Rebuild the windows of these slots' bots, and judge what their last owner was sending.

        Nothing is sent before both is done: an orphan that is sent again is ahead of what waits in its chat.
        """
        ordered = sorted(slots - self._open)
        async with self._db.worker_tx() as conn:
            recent = await outbox.fetch_recent(conn, slots=ordered)
            orphans = await outbox.fetch_orphans(conn, slots=ordered)
        by_bot: dict[int, list[tuple[int, float]]] = {}
        for send in recent:
            by_bot.setdefault(send.bot_id, []).append((send.chat_id, send.age))
        for bot_id, sends in by_bot.items():
            bot = await self._find_bot(bot_id)
            if bot is not None:
                self._lane(bot_id, bot.slot).recall(sends)
        judged = [self._tasks.short("orphan", self._sending.judge_orphan(row)) for row in orphans]
        if judged:
            await asyncio.wait(judged)
        self._open |= slots
        self.ring()

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Send nothing more from these; returns those with a send on the wire."""
        self._open -= slots
        self._looked -= slots
        for lane in self._lanes.values():
            if lane.slot in slots:
                lane.freeze()
        return frozenset(lane.slot for lane in self._lanes.values() if lane.in_flight) & slots

    async def settle(self, slots: frozenset[int]) -> None:
        """A send on the wire is waited for: its answer decides whether it happened."""
        until = self._clock.monotonic() + SETTLE
        for lane in [lane for lane in self._lanes.values() if lane.slot in slots]:
            await lane.wait_idle(max(0.0, until - self._clock.monotonic()))

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        for bot_id in [bot_id for bot_id, lane in self._lanes.items() if lane.slot in slots]:
            self._lanes.pop(bot_id).freeze()
        self._open -= slots
        self._looked -= slots

    async def stop(self) -> None:
        """Cancel everything."""
        for lane in self._lanes.values():
            lane.freeze()
        await self._tasks.stop()

    def _lane(self, bot_id: int, slot: int) -> Lane:
        lane = self._lanes.get(bot_id)
        if lane is None:
            lane = self._lanes[bot_id] = Lane(
                slot=slot,
                clock=self._clock,
                tasks=self._tasks,
                send=self._sending.send,
                rate=lambda: self._rate(bot_id),
                may_act=self._ownership.owns,
            )
        return lane

    def _rate(self, bot_id: int) -> int | None:
        """Messages a second of a bot that may send now; None for a paused one. What waits for one that is not known
        here goes on to `Sending`, which says on its messages that the bot was removed."""
        bot = self._known_bot(bot_id)
        if bot is None:
            return DEFAULT_RATE
        return bot.rate if bot.state == "active" else None

    async def _look(self) -> None:
        """Read what waits in the open slots, as far as the lanes have room for it: replies, and beside them, once a
        second, what broadcasts send: a bell that rings for a reply does not wait for those."""
        slots = sorted(self._open)
        if not slots:
            return
        self._doubted.clear()
        await self._read(slots, bulk=False)
        self._looked |= self._open.intersection(slots) - self._doubted
        now = self._clock.monotonic()
        if now >= self._bulk_at and sum(lane.waiting for lane in self._lanes.values()) < MAX_BULK:
            self._bulk_at = float("inf")
            self._tasks.short("bulk", self._read_bulk(slots))

    async def _read_bulk(self, slots: list[int]) -> None:
        try:
            await self._read(slots, bulk=True)
        except Unavailable as error:
            log.warning("outbox.bulk_paused", reason=error.detail)
        finally:
            self._bulk_at = self._clock.monotonic() + LOOK_EVERY * 0.7

    async def _read(self, slots: list[int], *, bulk: bool) -> None:
        full = {bot_id for bot_id, lane in self._lanes.items() if self._rate(bot_id) is None or not lane.room(bulk)}
        lanes = {bot_id: lane for bot_id, lane in self._lanes.items() if bot_id not in full}
        known = [(bot_id, row_id) for bot_id, lane in lanes.items() for row_id in lane.known]
        limit = max([HELD_BULK if bulk else HELD, *(lane.place(bulk) for lane in lanes.values())])
        async with self._db.worker_tx() as conn:
            rows = await outbox.fetch_ready(
                conn, slots=slots, known=known, without=sorted(full), bulk=bulk, limit=limit
            )
        by_bot: dict[int, list[OutboxRow]] = {}
        for row in rows:
            if row.slot in self._open and self._ownership.owns(row.slot):
                by_bot.setdefault(row.bot_id, []).append(row)
        for bot_id, found in by_bot.items():
            self._lane(bot_id, found[0].slot).add(found)
        counts = Tally(row.bot_id for row in rows)
        for bot_id, lane in {**lanes, **{bot_id: self._lanes[bot_id] for bot_id in by_bot}}.items():
            lane.note_rest(bulk, counts[bot_id] >= limit)

    async def _tend(self) -> None:
        now = self._clock.monotonic()
        if now - self._evicted_at >= EVICT_EVERY:
            self._evicted_at = now
            for bot_id in [bot_id for bot_id, lane in self._lanes.items() if lane.evict()]:
                del self._lanes[bot_id]
        if now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            figures = {bot_id: lane.figures() for bot_id, lane in self._lanes.items()}
            await publish_figures(self._publisher, self._ownership.member_id, self._clock.now(), figures)
