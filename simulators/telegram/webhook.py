"""Webhook delivery: per-chat queues in strict order, a window of queues, retries that slow down.

One delivery per bot with a webhook. Each attempt takes the head of one queue; the next update of that queue goes out
only after a 2xx. `WINDOW_FACTOR * max_connections` queues are open at a time, so many failing chats stall the others.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from simulators.telegram.clock import Clock, Timer
from simulators.telegram.model import Bot, Webhook
from simulators.telegram.pacing import Window
from simulators.telegram.update_queue import Queued, QueueKey
from simulators.telegram.webhook_http import Answer, post_update

WINDOW_FACTOR = 2
GONE_PERIOD = 23 * 3600.0
NEW_CONNECTIONS = (10, 0.5)
UNHEALTHY_AFTER = 10.0
UNHEALTHY_INTERVAL = 2.0
MAX_RETRY_AFTER = 3600
RESEND_CAP = 60
REMEMBERED = 100

ReplyRunner = Callable[[Bot, Answer], Awaitable[None]]


@dataclass
class _Line:
    """The updates of one key, oldest first, and when the head may be tried."""

    updates: deque[Queued] = field(default_factory=deque)
    wake_at: float = 0.0
    delay: float = 1.0
    failures: int = 0
    busy: bool = False


class WebhookDelivery:
    """Delivers the updates of one bot until it is stopped."""

    def __init__(self, center: "WebhookCenter", bot: Bot, webhook: Webhook) -> None:
        self._center = center
        self._clock = center.clock
        self._bot = bot
        self._webhook = webhook
        self._lines: dict[QueueKey, _Line] = {}
        self._cursor = bot.queue.first_id() - 1
        self._busy = 0
        self._open = 0  # connections, busy or idle
        self._opened = Window(*NEW_CONNECTIONS)
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._stopped = False
        self._gone_since: float | None = None
        self._last_success = self._clock.now()
        self._next_slow_attempt = 0.0
        self._done: deque[Queued] = deque(maxlen=REMEMBERED)
        self._failing = False

    def stop(self) -> None:
        """Deliver no more; attempts under way are left to end."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def repeat(self, count: int) -> list[int]:
        """Deliver the last acknowledged updates once more, whatever comes of it, as happens at Telegram; their ids."""
        chosen = list(self._done)[-count:] if count > 0 else []
        for update in chosen:
            self._center.spawn(self._post_again(update), f"repeat to bot {self._bot.id}")
        return [update.update_id for update in chosen]

    async def _post_again(self, update: Queued) -> None:
        await post_update(self._center.session(), self._clock, self._webhook, update.body)

    def pump(self) -> None:
        """Load updates into queues and start every attempt that is due."""
        if self._stopped:
            return
        self._load()
        if self._busy >= self._webhook.max_connections:
            return
        now = self._clock.now()
        next_at = float("inf")
        for line in list(self._lines.values()):
            if line.busy:
                continue
            if line.wake_at > now:
                next_at = min(next_at, line.wake_at)
                continue
            allowed_at = self._allowed_at(now)
            if allowed_at > now:
                next_at = min(next_at, allowed_at)
                break
            self._start(line)
        self._arm(next_at)

    def _allowed_at(self, now: float) -> float:
        """When another attempt may start: infinity while all connections are taken, later while nothing succeeds, and
        later when it needs a new connection and many were opened just now."""
        if self._busy >= self._webhook.max_connections:
            return float("inf")
        if self._failing and now > self._last_success + UNHEALTHY_AFTER:
            return float("inf") if self._busy else self._next_slow_attempt
        return now if self._busy < self._open else now + self._opened.wait(now)

    def _load(self) -> None:
        queue = self._bot.queue
        window = WINDOW_FACTOR * self._webhook.max_connections
        self._cursor = max(min(self._cursor, queue.next_id - 1), queue.first_id() - 1 if len(queue) else 0)
        if not self._lines:
            self._cursor = queue.first_id() - 1
        while self._cursor + 1 < queue.next_id:
            update = queue.get(self._cursor + 1)
            if update is not None:
                line = self._lines.get(update.key)
                if line is None:
                    if len(self._lines) >= window:
                        return
                    line = self._lines[update.key] = _Line()
                line.updates.append(update)
            self._cursor += 1

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at != float("inf"):
            self._timer = self._clock.call_later(at - self._clock.now(), self.pump)

    def _start(self, line: _Line) -> None:
        line.busy = True
        self._busy += 1
        if self._busy > self._open:
            self._open = self._busy
            self._opened.take(self._clock.now())
        self._next_slow_attempt = self._clock.now() + UNHEALTHY_INTERVAL
        self._center.spawn(self._attempt(line), f"webhook of bot {self._bot.id}")

    async def _attempt(self, line: _Line) -> None:
        update = line.updates[0]
        try:
            if update.expires_at <= self._clock.now() or update.update_id not in self._bot.queue:
                self._drop_head(line)
                return
            answer = await post_update(self._center.session(), self._clock, self._webhook, update.body)
            if self._stopped:
                return
            if answer.ok:
                self._succeeded(line)
                await self._center.run_reply(self._bot, answer)
            else:
                self._failed(line, update, answer)
        finally:
            line.busy = False
            self._busy -= 1
            self.pump()
            self._center.on_change()

    def _succeeded(self, line: _Line) -> None:
        self._last_success = self._clock.now()
        self._failing = False
        self._gone_since = None
        self._done.append(line.updates[0])
        self._drop_head(line)

    def _drop_head(self, line: _Line) -> None:
        update = line.updates.popleft()
        self._bot.queue.remove(update.update_id)
        line.wake_at, line.delay, line.failures = 0.0, 1.0, 0
        if not line.updates:
            self._lines.pop(update.key, None)

    def _failed(self, line: _Line, update: Queued, answer: Answer) -> None:
        now = self._clock.now()
        self._failing = True
        if not answer.status:
            self._open = max(self._open - 1, 0)
        self._webhook.last_error_date = int(now)
        self._webhook.last_error = answer.error
        if answer.status == 410:
            self._gone_since = now if self._gone_since is None else self._gone_since
            if now - self._gone_since >= GONE_PERIOD:
                self._center.remove(self._bot)
                return
        else:
            self._gone_since = None
        retry_after = min(max(answer.retry_after, 0), MAX_RETRY_AFTER)
        delay = float(retry_after) if retry_after else (line.delay if line.failures else 0.0)
        if not retry_after and line.failures:
            line.delay = min(float(self._center.rng.randint(RESEND_CAP, 2 * RESEND_CAP)), line.delay * 2)
        elif not line.failures:
            line.delay = 2.0
        line.failures += 1
        line.wake_at = now + delay
        if line.wake_at >= update.expires_at:
            self._drop_head(line)


async def _no_reply(_bot: Bot, _answer: Answer) -> None:
    """Answers with a method are ignored until a runner is set."""


class WebhookCenter:
    """The deliveries of all bots. Owns the HTTP session and the attempts' tasks."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self.clock = clock
        self.rng = rng
        self.run_reply: ReplyRunner = _no_reply
        self.on_change: Callable[[], None] = lambda: None
        self._deliveries: dict[int, WebhookDelivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """The session for deliveries; it bounds nothing itself."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=("User-Agent", "Accept"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def set(self, bot: Bot, webhook: Webhook) -> None:
        """Deliver to `webhook` from now on."""
        self.remove(bot)
        bot.webhook = webhook
        self._deliveries[bot.id] = WebhookDelivery(self, bot, webhook)
        self.wake(bot)

    def remove(self, bot: Bot) -> None:
        """Stop delivering; the queue keeps what is left."""
        bot.webhook = None
        delivery = self._deliveries.pop(bot.id, None)
        if delivery is not None:
            delivery.stop()

    def wake(self, bot: Bot) -> None:
        """There may be something to deliver."""
        delivery = self._deliveries.get(bot.id)
        if delivery is not None:
            delivery.pump()

    def repeat(self, bot: Bot, count: int) -> list[int]:
        """Deliver the last updates again (see WebhookDelivery.repeat)."""
        delivery = self._deliveries.get(bot.id)
        return delivery.repeat(count) if delivery is not None else []

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Run an attempt as a task that `close` waits for."""

        async def run() -> None:
            await work

        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop all deliveries and close the connections."""
        for delivery in self._deliveries.values():
            delivery.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
