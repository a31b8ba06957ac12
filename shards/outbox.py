"""Sends of the owned slots: a lane per bot, a line per chat, exact windows, one send of a chat at a time.

A send is marked `sending` and committed, then the windows are asked, then the socket is written; what is not known to
have failed is never repeated by itself except once, by the tenant's policy (DESIGN 4).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from domain.bots import Bot
from domain.clients.telegram import Outcome
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, NotFound, Unavailable
from domain.kit.log import logger
from domain.kit.metrics import Counter
from domain.kit.tasks import Tasks
from domain.outbox import OutboxRow
from domain.outbox import service as outbox
from domain.outbox.rules import Verdict, judge
from shards.delivery import DeliveryMarks, Sent
from shards.lanes import Lane
from shards.ownership import Ownership

log = logger(__name__)

LOOK_EVERY = 1.0  # seconds between looks at the outbox, should every bell be lost
PAGE = 1000
DEFAULT_RATE = 30  # messages a second
SETTLE = 12.0  # seconds a send on the wire gets when its slot is handed over

SENDS = Counter("replyx_telegram_sends_total", "Sends by what became of them", ["state"])
UNCERTAIN = Counter("replyx_telegram_orphans_total", "Sends that were on the wire when their worker stopped")

Call = Callable[[Bot, str, dict[str, object]], Awaitable[Outcome]]
FindBot = Callable[[int], Awaitable[Bot | None]]
Policy = Callable[[UUID], Awaitable[str]]
TokenDied = Callable[[Bot, str], Awaitable[None]]


class Sender:
    """Drains the outbox of the owned slots."""

    def __init__(
        self,
        *,
        db: Database,
        ownership: Ownership,
        marks: DeliveryMarks,
        call: Call,
        find_bot: FindBot,
        policy: Policy,
        token_died: TokenDied,
        clock: Clock,
    ) -> None:
        self._db = db
        self._ownership = ownership
        self._marks = marks
        self._call = call
        self._find_bot = find_bot
        self._policy = policy
        self._token_died = token_died
        self._clock = clock
        self._lanes: dict[int, Lane] = {}
        self._open: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks = Tasks("outbox")

    def ring(self) -> None:
        """Something may be in the outbox."""
        self._wake.set()

    def push(self, rows: Sequence[OutboxRow]) -> None:
        """Rows that were just committed: no need to read them again."""
        for row in rows:
            if row.slot in self._open and self._ownership.owns(row.slot):
                self._lane(row.bot_id, row.slot).add(row)

    async def run(self) -> None:
        """Eternal: find what waits."""
        while True:
            self._wake.clear()
            try:
                await self._look(sorted(self._open))
            except Unavailable as error:
                log.warning("outbox.paused", reason=error.detail)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def send_ephemeral(self, bot_id: int, method: str, payload: dict[str, object]) -> Outcome | None:
        """A draft or an action: sent if the bot's window has room now, else dropped (None)."""
        bot = await self._find_bot(bot_id)
        if bot is None or bot.slot not in self._open or not self._ownership.owns(bot.slot):
            return None
        if not self._lane(bot.id, bot.slot).take_spare(bot.rate):
            return None
        return await self._call(bot, method, payload)

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
                self._lane(bot_id, bot.slot).recall(sends, bot.rate)
        judged = [self._tasks.short("orphan", self._judge_orphan(row)) for row in orphans]
        if judged:
            await asyncio.wait(judged)
        self._open |= slots
        self.ring()

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Send nothing more from these; returns those with a send on the wire."""
        self._open -= slots
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

    async def stop(self) -> None:
        """Cancel everything."""
        await self._tasks.stop()

    def _lane(self, bot_id: int, slot: int) -> Lane:
        lane = self._lanes.get(bot_id)
        if lane is None:
            lane = self._lanes[bot_id] = Lane(
                slot=slot, clock=self._clock, tasks=self._tasks, send=self._send, find_rate=lambda: self._rate(bot_id)
            )
        return lane

    async def _rate(self, bot_id: int) -> int | None:
        """Messages a second of a bot that may send now; None for a paused one. What waits for a removed one goes on
        to `_send`, which says so on its messages."""
        bot = await self._find_bot(bot_id)
        if bot is None:
            return DEFAULT_RATE
        return bot.rate if bot.state == "active" else None

    async def _look(self, slots: list[int]) -> None:
        after = 0
        while slots:
            async with self._db.worker_tx() as conn:
                rows = await outbox.fetch_ready(conn, slots=slots, after=after, limit=PAGE)
            self.push(rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def _send(self, lane: Lane, row: OutboxRow) -> OutboxRow | None:
        """One send, from its mark to its outcome; the row again if it stays first in its chat's line.

        The lane calls it for one row of a chat at a time.
        """
        try:
            epoch = self._ownership.epoch(row.slot)
            bot = await self._find_bot(row.bot_id)
            if bot is None or bot.tenant_id != row.tenant_id:
                await self._disconnected(row, epoch)
                return None
            try:
                attempt = await self._marks.sending(row, epoch)
                passed = await lane.pass_windows(row.chat_id, bot.rate)
            except Unavailable:
                attempt, passed = 0, False
            if not passed:
                # Nothing was written: it is put back, and stays first in its line.
                await self._store(Sent(row, epoch, "ready", resends=row.resends))
                return row
            self._ownership.epoch(row.slot)
            outcome = await self._call(bot, row.method, row.payload)
            return await self._settle(lane, bot, row, epoch, judge(outcome, attempts=attempt))
        except LostOwnership as error:
            log.info("outbox.lost", row=row.id, reason=error.detail)
            return None
        except Exception:
            # A fault of ours between mark and outcome: nobody knows what Telegram saw, so it is judged as such.
            log.exception("outbox.send_failed", row=row.id)
            await self._judge_orphan(row)
            return None

    async def _disconnected(self, row: OutboxRow, epoch: int) -> None:
        """The bot was removed, or is another tenant's now: what waited for it is never sent."""
        await self._marks.sending(row, epoch)
        await self._store(Sent(row, epoch, "failed", error="The bot was disconnected.", resends=row.resends))

    async def _settle(self, lane: Lane, bot: Bot, row: OutboxRow, epoch: int, verdict: Verdict) -> OutboxRow | None:
        SENDS.labels(verdict.state).inc()
        if verdict.delay:
            lane.hold(row.chat_id, verdict.delay)
        if verdict.state == "uncertain":
            return await self._uncertain(row, epoch, verdict.reason)
        sent = _sent(row, epoch, verdict)
        await self._store(sent)
        if verdict.token_dead:
            await self._token_died(bot, verdict.reason or "")
        if sent.moved_to is not None:
            self.ring()  # its line is another one now
            return None
        return replace(row, payload=sent.payload or row.payload) if sent.state == "ready" else None

    async def _uncertain(self, row: OutboxRow, epoch: int, reason: str | None) -> OutboxRow | None:
        """Nobody knows whether it arrived: sent once more and marked, or held, by the tenant's policy."""
        resend = row.resends == 0 and row.priority == 0 and await self._may_resend(row)
        log.warning("outbox.uncertain", row=row.id, reason=reason, resend=resend)
        again = replace(row, resends=1) if resend else None
        await self._store(
            Sent(row, epoch, "ready" if resend else "uncertain", error=reason, resends=row.resends + int(resend))
        )
        return again

    async def _may_resend(self, row: OutboxRow) -> bool:
        """The tenant's policy, however long the database is away: a send without a verdict would be stuck for ever."""
        while True:
            try:
                return await self._policy(row.tenant_id) == "resend"
            except NotFound:
                return False  # the tenant was removed
            except Unavailable:
                await self._clock.sleep(1.0)
                self._ownership.epoch(row.slot)

    async def _judge_orphan(self, row: OutboxRow) -> None:
        """What the last owner of the slot was sending."""
        try:
            UNCERTAIN.inc()
            await self._uncertain(row, self._ownership.epoch(row.slot), "the worker stopped while it was being sent")
        except LostOwnership as error:
            log.info("outbox.lost", row=row.id, reason=error.detail)

    async def _store(self, sent: Sent) -> None:
        """Commit an outcome, however long the database is away: we own the row until it is stored or lost."""
        while True:
            try:
                await self._marks.settled(sent)
                return
            except Unavailable as error:
                log.warning("outbox.outcome_waits", row=sent.row.id, reason=error.detail)
                await self._clock.sleep(1.0)
                self._ownership.epoch(sent.row.slot)


_MARKUP = {"entities", "parse_mode"}


def _sent(row: OutboxRow, epoch: int, verdict: Verdict) -> Sent:
    """A definite outcome, as it is stored."""
    if verdict.state == "sent":
        return Sent(row, epoch, "sent", telegram_message_id=verdict.message_id, resends=row.resends)
    if verdict.state == "failed":
        return Sent(row, epoch, "failed", error=verdict.reason, resends=row.resends, chat_gone=verdict.chat_gone)
    payload = row.payload
    if verdict.state == "plain" and not payload.keys() & _MARKUP:
        return Sent(row, epoch, "failed", error=verdict.reason, resends=row.resends)
    if verdict.state == "plain":
        payload = {key: value for key, value in payload.items() if key not in _MARKUP}
    return Sent(
        row,
        epoch,
        "ready",
        error=verdict.reason,
        resends=row.resends,
        delay=verdict.delay,
        payload=payload if verdict.state == "plain" else None,
        moved_to=verdict.moved_to,
    )
