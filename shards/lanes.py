"""The lane of one bot: a line per chat, strictly in order; chats take turns; windows decide when."""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import count

from domain.kit.clock import Clock
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from domain.outbox import OutboxRow
from shards.buckets import BotLimits

log = logger(__name__)

IN_FLIGHT = 30  # sends of one bot between mark and answer
EVICT_EVERY = 60.0  # seconds


class Lane:
    """Sends of one bot. Exists while the bot's slot is ours; its task, while something waits."""

    def __init__(
        self,
        *,
        slot: int,
        clock: Clock,
        tasks: Tasks,
        send: Callable[["Lane", OutboxRow], Awaitable[OutboxRow | None]],
        find_rate: Callable[[], Awaitable[int | None]],
    ) -> None:
        self.slot = slot
        self._clock = clock
        self._tasks = tasks
        self._send = send
        self._find_rate = find_rate
        self._limits = BotLimits(30)
        self._lines: dict[int, deque[OutboxRow]] = {}
        self._turns: list[tuple[float, int, int]] = []  # (ready at, tie, chat): chats whose head may go
        self._tie = count()
        self._known: set[int] = set()
        self._busy: set[int] = set()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._idle = asyncio.Event()
        self._idle.set()
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._frozen = False
        self._running = False
        self._evicted_at = clock.monotonic()

    @property
    def in_flight(self) -> int:
        """Sends between mark and answer."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Rows in the lines."""
        return len(self._known)

    def add(self, row: OutboxRow) -> None:
        """A row waits; adding it again changes nothing."""
        if self._frozen:
            return
        self._start_work()
        if row.id in self._known:
            return
        self._known.add(row.id)
        if row.wait:
            self.hold(row.chat_id, row.wait)
        line = self._lines.setdefault(row.chat_id, deque())
        line.append(row)
        if len(line) == 1 and row.chat_id not in self._busy:
            self._queue(row.chat_id)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Telegram asked for quiet in this chat."""
        self._limits.hold(chat_id, self._clock.monotonic() + seconds)

    def recall(self, sends: Iterable[tuple[int, float]], rate: int) -> None:
        """Rebuild the windows from the last minute's sends: (chat, age in seconds)."""
        self._set_rate(rate)
        self._limits.recall(sends, self._clock.monotonic())

    def take_spare(self, rate: int) -> bool:
        """Count an ephemeral send if the bot's window has more than a third free; it may not delay a real one."""
        self._set_rate(rate)
        now = self._clock.monotonic()
        if self._limits.bot.count(now) * 3 > rate * 2:
            return False
        self._limits.bot.take(now)
        return True

    async def pass_windows(self, chat_id: int, rate: int) -> bool:
        """Wait until the windows allow a send, and count it; False if the lane was frozen before."""
        self._set_rate(rate)
        while (wait := self._limits.ready_at(chat_id, self._clock.monotonic()) - self._clock.monotonic()) > 0:
            if await self._frozen_within(wait):
                return False
        self._limits.take(chat_id, self._clock.monotonic())
        return not self._frozen

    def freeze(self) -> None:
        """Send nothing more."""
        self._frozen = True
        self._stopped.set()
        self._lines.clear()
        self._turns.clear()
        self._changed.set()

    async def wait_idle(self, seconds: float) -> None:
        """Until nothing is in flight, or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass

    async def _frozen_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    def _set_rate(self, rate: int) -> None:
        if self._limits.rate != rate:
            self._limits.rate = self._limits.bot.limit = rate

    def _start_work(self) -> None:
        if not self._running:
            self._running = True
            self._tasks.short("lane", self._work())

    def _queue(self, chat_id: int) -> None:
        ready = self._limits.chat_ready_at(chat_id, self._clock.monotonic())
        heapq.heappush(self._turns, (ready, next(self._tie), chat_id))
        self._changed.set()

    async def _work(self) -> None:
        """Start sends as the windows allow, until nothing waits."""
        try:
            while not self._frozen and (self._turns or self._busy):
                await self._step()
                self._evict()
        except Unavailable as error:
            log.warning("lane.paused", reason=error.detail)  # the next look at the outbox goes on with it
        finally:
            self._running = False
            self._evict(always=True)

    def _evict(self, *, always: bool = False) -> None:
        """Forget the windows of idle chats; a lane that is never empty does so once a minute."""
        now = self._clock.monotonic()
        if always or now - self._evicted_at >= EVICT_EVERY:
            self._evicted_at = now
            self._limits.evict(now)

    async def _step(self) -> None:
        self._changed.clear()
        if not self._turns:
            await self._changed.wait()
            return
        if await self._find_rate() is None:
            self._drop_all()
        if not self._turns:
            return
        ready, _, chat_id = self._turns[0]
        wait = max(ready, self._limits.bot.ready_at(self._clock.monotonic())) - self._clock.monotonic()
        if wait > 0:
            await self._pause(wait)
            return
        await self._room.acquire()
        if self._frozen or not self._turns:
            self._room.release()
            return
        heapq.heappop(self._turns)
        self._start(chat_id)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _start(self, chat_id: int) -> None:
        row = self._lines[chat_id].popleft()
        self._busy.add(chat_id)
        self._idle.clear()
        self._tasks.short("send", self._send_one(chat_id, row))

    async def _send_one(self, chat_id: int, row: OutboxRow) -> None:
        again: OutboxRow | None = None
        try:
            again = await self._send(self, row)
        finally:
            self._room.release()
            self._busy.discard(chat_id)
            if not self._busy:
                self._idle.set()
            self._after(chat_id, row, again)

    def _after(self, chat_id: int, row: OutboxRow, again: OutboxRow | None) -> None:
        line = self._lines.get(chat_id)
        if again is not None and line is not None and not self._frozen:
            line.appendleft(again)
        else:
            self._known.discard(row.id)
        if line:
            self._queue(chat_id)
        else:
            self._lines.pop(chat_id, None)
            self._changed.set()

    def _drop_all(self) -> None:
        """The bot is paused: what waits stays in Postgres and is looked at again every second."""
        self._lines.clear()
        self._turns.clear()
        self._known.clear()
