"""The lane of one bot: replies before broadcasts, in each a line per chat, strictly in order; windows decide when.

No task belongs to a lane: whatever may change what can be sent calls `pump`, which starts what may go and sets a timer
for the rest. A row is started some milliseconds before the windows open, so that it is marked `sending` by then; it is
counted where it is written (`Admission`), with the connection in hand.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point_soon
from domain.kit.tasks import Tasks
from domain.outbox import BULK, OutboxRow
from shards.buckets import BotLimits
from shards.figures import Figures
from shards.lines import Lines

IN_FLIGHT = 60  # sends of one bot between mark and outcome; a bot at 30/s whose answers take two seconds needs as many
LEAD = 0.02  # seconds a row is started before its window opens, at least: what its mark takes to commit
LEAD_MAX = 0.1  # the same at most, where the database is slow: a crash leaves what was started `sending`
PUT_BACK = 0.25  # seconds: a marked row that would wait longer is put back, so that few are `sending` at a crash
HELD = 100  # replies in memory; the rest waits in Postgres (a faster bot holds three seconds' worth)
HELD_BULK = 30  # the same of broadcasts: many bots at once must not mean many thousand rows in one read
FLOODS_KEPT = 1000  # times of 429s, for the last hour's count
HOUR = 3600.0


class Admission:
    """One send's right to be written, asked for with the connection in hand."""

    __slots__ = ("_started", "asked", "given", "lane", "row")

    def __init__(self, lane: "Lane", row: OutboxRow) -> None:
        self.lane = lane
        self.row = row
        self.asked = self.given = False
        self._started = lane.now

    def marked(self) -> None:
        """It is `sending`, and committed."""
        self.lane.note_mark(self.lane.now - self._started)

    def ask(self) -> bool:
        """Whether it may be written now; if so it is counted, and must be."""
        self.asked = True
        self.given = self.lane.admit(self.row)
        return self.given

    def written(self) -> None:
        """It was."""
        self.lane.written(self.row.chat_id)
        crash_point_soon("send-written")


class SpareAdmission:
    """The same for an ephemeral send, which has no row. `shown`: it counts in its chat too."""

    __slots__ = ("_chat_id", "_lane", "_shown", "given")

    def __init__(self, lane: "Lane", chat_id: int, *, shown: bool) -> None:
        self._lane = lane
        self._chat_id = chat_id
        self._shown = shown
        self.given = False

    def likely(self) -> bool:
        """Whether it is worth a connection."""
        return self._lane.has_spare(self._chat_id, shown=self._shown)

    def ask(self) -> bool:
        """Whether it may be written now, without delaying a real send."""
        self.given = self._lane.admit_spare(self._chat_id, shown=self._shown)
        return self.given

    def written(self) -> None:
        """It was."""
        self._lane.written(self._chat_id if self._shown else None)


class Lane:
    """Sends of one bot, while its slot is ours."""

    __slots__ = (
        "_ahead",
        "_behind",
        "_bulk",
        "_busy",
        "_clock",
        "_floods",
        "_floods_total",
        "_frozen",
        "_idle",
        "_known",
        "_lead",
        "_limits",
        "_loop",
        "_may_act",
        "_rate",
        "_replies",
        "_send",
        "_tasks",
        "_timer",
        "paused",
        "slot",
    )

    def __init__(
        self,
        *,
        slot: int,
        clock: Clock,
        tasks: Tasks,
        send: Callable[[Admission, OutboxRow], Awaitable[OutboxRow | None]],
        rate: Callable[[], int | None],
        may_act: Callable[[int], bool],
    ) -> None:
        self.slot = slot
        self.paused = False  # the bot may not send: its rows stay in Postgres
        self._behind: set[bool] = set()  # kinds (bulk or not) of which Postgres has rows that are not here
        self._clock = clock
        self._tasks = tasks
        self._send = send
        self._rate = rate
        self._may_act = may_act
        self._limits = BotLimits(30)
        self._replies, self._bulk = Lines(), Lines()
        self._known: set[int] = set()
        self._busy: set[int] = set()
        self._ahead = 0  # started, and not counted yet
        self._lead = LEAD
        self._idle = asyncio.Event()
        self._idle.set()
        self._frozen = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._floods: deque[float] = deque(maxlen=FLOODS_KEPT)
        self._floods_total = 0

    @property
    def now(self) -> float:
        """Seconds on the lane's clock."""
        return self._clock.monotonic()

    @property
    def in_flight(self) -> int:
        """Sends between mark and outcome."""
        return len(self._busy)

    @property
    def known(self) -> Iterable[int]:
        """The ids of the rows that are here."""
        return self._known

    @property
    def waiting(self) -> int:
        """Rows in the lines."""
        return len(self._replies) + len(self._bulk)

    def place(self, bulk: bool) -> int:
        """How many rows of a kind are kept here."""
        return max(HELD_BULK if bulk else HELD, 3 * self._limits.rate)

    def room(self, bulk: bool) -> bool:
        """Whether a third of the place for a kind is free: what is left lasts until the next look."""
        return 3 * len(self._bulk if bulk else self._replies) <= 2 * self.place(bulk)

    def note_rest(self, bulk: bool, more: bool) -> None:
        """Whether Postgres has more rows of a kind than were just read."""
        (self._behind.add if more else self._behind.discard)(bulk)

    def add(self, rows: Iterable[OutboxRow]) -> None:
        """Rows wait; adding one again changes nothing."""
        if self._frozen or not self._may_send():
            return
        now = self._clock.monotonic()
        for row in rows:
            if row.id not in self._known:
                self._known.add(row.id)
                self._insert(row, now)
        self.pump()

    def offer(self, row: OutboxRow) -> None:
        """A row that was just committed: taken unless older ones of its kind are only in Postgres, or it is full."""
        bulk = row.priority >= BULK
        if bulk not in self._behind and len(self._bulk if bulk else self._replies) < self.place(bulk):
            self.add([row])
        else:
            self._behind.add(bulk)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Wait with this chat."""
        self._limits.hold(chat_id, self._clock.monotonic() + seconds)

    def flooded(self, chat_id: int, seconds: float) -> None:
        """Telegram said 429."""
        now = self._clock.monotonic()
        self._floods.append(now)
        self._floods_total += 1
        self._limits.flooded(chat_id, now + seconds)
        self._reorder(now)

    def answered(self, chat_id: int) -> None:
        """Telegram said anything else, or nothing."""
        if self._limits.answered(chat_id):
            self._reorder(self._clock.monotonic())

    def recall(self, sends: Iterable[tuple[int, float]]) -> None:
        """Rebuild the windows from the last minute's marks: (chat, age in seconds); written up to PUT_BACK later."""
        now = self._clock.monotonic()
        self._limits.recall(((chat, max(0.0, age - PUT_BACK)) for chat, age in sends), now)

    def has_spare(self, chat_id: int, *, shown: bool) -> bool:
        """Whether an ephemeral send would delay no real one."""
        return self._may_send() and self._limits.has_spare(chat_id, self._clock.monotonic(), shown=shown)

    def admit_spare(self, chat_id: int, *, shown: bool) -> bool:
        """Count an ephemeral send, if it may be written this very moment."""
        if self._frozen or not self._may_act(self.slot) or not self._may_send():
            return False
        return self._limits.admit_spare(chat_id, self._clock.monotonic(), shown=shown)

    def note_mark(self, seconds: float) -> None:
        """How long a mark took: the next are begun so much earlier that they are in time."""
        self._lead += (min(LEAD_MAX, max(LEAD, 1.5 * seconds)) - self._lead) / 8

    async def wait_turn(self, row: OutboxRow) -> bool:
        """Wait, shortly, until the windows allow a started row; False if it has to go back."""
        while not self._frozen:
            now = self._clock.monotonic()
            wait = self._limits.ready_at(row.chat_id, now) - now
            if wait <= 0:
                return True
            if wait > PUT_BACK:
                return False
            await self._clock.sleep(wait)
        return False

    def admit(self, row: OutboxRow) -> bool:
        """Count a send, if it may be written this very moment."""
        now = self._clock.monotonic()
        if self._frozen or not self._may_act(self.slot) or self._limits.ready_at(row.chat_id, now) > now:
            return False
        self._limits.admit(row.chat_id, now, bulk=row.priority >= BULK)
        self._ahead -= 1
        return True

    def written(self, chat_id: int | None) -> None:
        """What was admitted is on the socket now; None: it counts in no chat."""
        self._limits.written(chat_id, self._clock.monotonic())

    def pump(self) -> None:
        """Start what may go, and come back when more may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._frozen or not (self._replies or self._bulk) or not self._may_send():
            return
        now = self._clock.monotonic()
        wake = min(self._start_from(self._replies, now, bulk=False), self._start_from(self._bulk, now, bulk=True))
        if wake < float("inf"):
            self._timer = self._loop.call_later(max(0.001, wake - now), self.pump)

    def drop_chat(self, chat_id: int) -> None:
        """What waits for this chat is read from Postgres again: it was changed there."""
        for lines in (self._replies, self._bulk):
            self._known.difference_update(row.id for row in lines.drop(chat_id))

    def freeze(self) -> None:
        """Send nothing more."""
        self._frozen = True
        self._clear()

    async def wait_idle(self, seconds: float) -> None:
        """Until nothing is in flight, or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass

    def evict(self) -> bool:
        """Forget the windows of idle chats; True if nothing here would be missed."""
        now = self._clock.monotonic()
        self._limits.evict(now)
        while self._floods and self._floods[0] < now - HOUR:
            self._floods.popleft()
        return not (self._known or self._floods or self._behind or self.paused) and self._limits.idle(now)

    def figures(self) -> Figures:
        """What it does now."""
        limits, now = self._limits, self._clock.monotonic()
        return {
            "rate": limits.rate,
            "tokens": max(0, limits.rate - limits.bot.count(now)),
            "queue": len(self._replies),
            "queue_bulk": len(self._bulk),
            "more_waiting": bool(self._behind),
            "in_flight": len(self._busy),
            "held_for": round(max(0.0, limits.held_until - now), 3),
            "chats_held": sum(until > now for until in limits.holds.values()),
            "floods_hour": sum(at > now - HOUR for at in self._floods),
            "floods_total": self._floods_total,
        }

    def _may_send(self) -> bool:
        rate = self._rate()
        self.paused = rate is None
        if rate is None:
            self._clear()
            return False
        self._limits.set_rate(rate)
        return True

    def _clear(self) -> None:
        """What waits stays in Postgres; what is under way ends by itself."""
        for lines in (self._replies, self._bulk):
            self._known.difference_update(row.id for row in lines)
            lines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _insert(self, row: OutboxRow, now: float) -> None:
        if row.wait:
            self._limits.hold(row.chat_id, now + row.wait)
            self._limits.suspect()
        lines = self._lines_of(row)
        lines.insert(row)
        if row.chat_id not in self._busy:
            lines.queue(row.chat_id, self._limits.chat_ready_at(row.chat_id, now))

    def _reorder(self, now: float) -> None:
        """Who probes is a private chat, if there is one: a group may refuse for reasons of its own. When the bot may
        go on, groups that were held meanwhile may too."""
        for lines in (self._replies, self._bulk):
            lines.reorder(lambda chat_id: self._turn_of(chat_id, now))

    def _turn_of(self, chat_id: int, now: float) -> float:
        ready = self._limits.chat_ready_at(chat_id, now)
        return now - 1.0 if self._limits.probing and chat_id > 0 and ready <= now else ready

    def _lines_of(self, row: OutboxRow) -> Lines:
        return self._bulk if row.priority >= BULK else self._replies

    def _start_from(self, lines: Lines, now: float, *, bulk: bool) -> float:
        """Start what may go of these; returns when to look again (inf: when a send is over)."""
        until = now + self._lead
        while (turn := lines.first()) is not None and len(self._busy) < IN_FLIGHT:
            ready, chat_id = turn
            may = max(ready, self._limits.bot_ready_at(now, ahead=self._ahead, bulk=bulk))
            if may > until:
                return may - self._lead
            if chat_id in self._busy:
                lines.skip()
            elif (later := self._limits.chat_ready_at(chat_id, now)) > until:
                lines.skip()
                lines.queue(chat_id, later)
            elif (row := lines.take()) is not None:
                self._start(row)
        return float("inf")

    def _start(self, row: OutboxRow) -> None:
        self._busy.add(row.chat_id)
        self._ahead += 1
        self._idle.clear()
        self._tasks.short("send", self._send_one(row))

    async def _send_one(self, row: OutboxRow) -> None:
        again: OutboxRow | None = None
        admission = Admission(self, row)
        try:
            again = await self._send(admission, row)
        finally:
            if admission.given:
                self.answered(row.chat_id)
            else:
                self._ahead -= 1
            self._busy.discard(row.chat_id)
            if not self._busy:
                self._idle.set()
            self._after(row, again)

    def _after(self, row: OutboxRow, again: OutboxRow | None) -> None:
        now = self._clock.monotonic()
        if again is not None and not self._frozen and not self.paused:
            self._lines_of(again).insert(again)
        else:
            self._known.discard(row.id)
        for lines in (self._replies, self._bulk):
            if row.chat_id in lines:
                lines.queue(row.chat_id, self._limits.chat_ready_at(row.chat_id, now))
        self.pump()
