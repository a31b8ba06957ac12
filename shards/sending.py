"""One send, from its mark to its outcome.

A send is marked `sending` and committed, then a connection and the windows are waited for, then the socket is written
in the same moment as it is counted; what is not known to have failed is never repeated by itself except once, by the
tenant's policy (DESIGN 4).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from domain.bots import Bot
from domain.clients.telegram import Done, Gate, NotSent, Outcome
from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point
from domain.kit.errors import LostOwnership, NotFound, Unavailable
from domain.kit.log import logger
from domain.kit.metrics import Counter
from domain.outbox import BULK, OutboxRow
from domain.outbox.rules import REPEATABLE, Verdict, judge, on_the_wire, repaired, rest_of
from shards.delivery import DeliveryMarks, Sent, TakenBack
from shards.lanes import Admission, Lane
from shards.ownership import Ownership

log = logger(__name__)

SENDS = Counter("replyx_telegram_sends_total", "Sends by what became of them", ["state"])
_SENDS = {state: SENDS.labels(state) for state in ("sent", "retry", "failed", "uncertain", "fix")}
UNCERTAIN = Counter("replyx_telegram_orphans_total", "Sends that were on the wire when their worker stopped")
FLOODS = Counter("replyx_telegram_floods_total", "Answers 429 of Telegram")

FindBot = Callable[[int], Awaitable[Bot | None]]
Policy = Callable[[UUID], Awaitable[str]]
TokenDied = Callable[[Bot, str], Awaitable[None]]


class Call(Protocol):
    """A method called as a bot; `gate` as in TelegramClient.call. Raises LostOwnership."""

    def __call__(
        self, bot: Bot, method: str, payload: dict[str, object], gate: Gate | None = None
    ) -> Awaitable[Outcome]:
        """One call."""
        ...


class Sending:
    """Sends rows for the lanes of one shard."""

    def __init__(
        self,
        *,
        ownership: Ownership,
        marks: DeliveryMarks,
        call: Call,
        find_bot: FindBot,
        policy: Policy,
        token_died: TokenDied,
        moved: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._ownership = ownership
        self._marks = marks
        self._call = call
        self._find_bot = find_bot
        self._policy = policy
        self._token_died = token_died
        self._moved = moved
        self._clock = clock

    async def send(self, admission: Admission, row: OutboxRow) -> OutboxRow | None:
        """One row of a chat at a time; returns the row again if it stays first in its chat's line."""
        try:
            epoch = self._ownership.epoch(row.slot)
            bot = await self._find_bot(row.bot_id)
            if bot is None or bot.tenant_id != row.tenant_id:
                await self._disconnected(row, epoch)
                return None
            try:
                attempt = await self._marks.sending(row, epoch)
                admission.marked()
                outcome = await self._write(admission, bot, row)
            except Unavailable:
                attempt, outcome = 0, None
            if outcome is None:
                # Nothing was written: it is put back, and stays first in its line.
                await self._store(Sent(row, epoch, "ready", resends=row.resends))
                return replace(row, wait=0.0)
            crash_point("send-answered")
            verdict = self._judge(row, outcome, attempt)
            return await self._settle(admission.lane, bot, row, epoch, verdict)
        except TakenBack:
            log.debug("outbox.taken_back", row=row.id)  # pausing a large broadcast does it a hundred times: no news
            return None
        except LostOwnership as error:
            log.info("outbox.lost", row=row.id, reason=error.detail)
            return None
        except Exception:
            # A fault of ours between mark and outcome: nobody knows what Telegram saw, so it is judged as such.
            log.exception("outbox.send_failed", row=row.id)
            await self.judge_orphan(row)
            return None

    async def judge_orphan(self, row: OutboxRow) -> None:
        """What the last owner of the slot was sending."""
        try:
            epoch = self._ownership.epoch(row.slot)
            if row.method in REPEATABLE:
                await self._store(Sent(row, epoch, "ready", resends=row.resends))
                return
            UNCERTAIN.inc()
            await self._uncertain(row, epoch, "the worker stopped while it was being sent")
        except LostOwnership as error:
            log.info("outbox.lost", row=row.id, reason=error.detail)

    async def _write(self, admission: Admission, bot: Bot, row: OutboxRow) -> Outcome | None:
        """Count and write in one moment; None if the windows, or whose slot it is, do not allow it soon."""
        payload = on_the_wire(row.payload)
        while await admission.lane.wait_turn(row):
            self._ownership.epoch(row.slot)
            outcome = await self._call(bot, row.method, payload, admission)
            if admission.given or not (admission.asked and isinstance(outcome, NotSent)):
                return outcome
            admission.asked = False  # while it waited for a connection the window closed again
        return None

    def _judge(self, row: OutboxRow, outcome: Outcome, attempt: int) -> Verdict:
        if isinstance(outcome, Done):
            return judge(outcome, attempts=attempt)
        age = (self._clock.now() - row.created_at).total_seconds()
        return judge(outcome, method=row.method, attempts=attempt, age=age)

    async def _disconnected(self, row: OutboxRow, epoch: int) -> None:
        """The bot was removed, or is another tenant's now: what waited for it is never sent."""
        await self._marks.sending(row, epoch)
        await self._store(Sent(row, epoch, "failed", error="The bot was disconnected.", resends=row.resends))

    async def _settle(self, lane: Lane, bot: Bot, row: OutboxRow, epoch: int, verdict: Verdict) -> OutboxRow | None:
        _SENDS[verdict.state].inc()
        if verdict.flood:
            FLOODS.inc()
            lane.flooded(row.chat_id, verdict.delay)
        else:
            lane.answered(row.chat_id)
            if verdict.delay:
                lane.hold(row.chat_id, verdict.delay)
        if verdict.state == "uncertain":
            return await self._uncertain(row, epoch, verdict.reason)
        sent = _sent(row, epoch, verdict)
        await self._store(sent)
        if verdict.token_dead:
            await self._token_died(bot, verdict.reason or "")
        if sent.moved_to is not None:
            lane.drop_chat(row.chat_id)  # its line is another one now
            self._moved()
            return None
        if sent.state != "ready":
            return None
        method, payload = sent.change or (row.method, row.payload)
        return replace(row, method=method, payload=payload, wait=0.0)

    async def _uncertain(self, row: OutboxRow, epoch: int, reason: str | None) -> OutboxRow | None:
        """Nobody knows whether it arrived: sent once more and marked, or held, by the tenant's policy."""
        resend = row.resends == 0 and row.priority < BULK and await self._may_resend(row)
        log.warning("outbox.uncertain", row=row.id, reason=reason, resend=resend)
        again = replace(row, resends=1, wait=0.0) if resend else None
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


def _sent(row: OutboxRow, epoch: int, verdict: Verdict) -> Sent:
    """A definite outcome, as it is stored."""
    if verdict.state == "sent":
        if (rest := rest_of(row.payload)) is not None:
            return Sent(row, epoch, "ready", resends=row.resends, change=("sendMessage", rest))
        # An edit that changed nothing is answered without the message.
        message_id = verdict.message_id or row.payload.get("message_id")
        return Sent(row, epoch, "sent", telegram_message_id=message_id, resends=row.resends)
    change = repaired(verdict.fix, row.method, row.payload) if verdict.fix else None
    if verdict.state == "failed" or (verdict.fix and change is None):
        return Sent(row, epoch, "failed", error=verdict.reason, resends=row.resends, chat_gone=verdict.chat_gone)
    return Sent(
        row,
        epoch,
        "ready",
        error=verdict.reason,
        resends=row.resends,
        delay=verdict.delay,
        change=change,
        moved_to=verdict.moved_to,
    )
