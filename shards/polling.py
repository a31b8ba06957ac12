"""getUpdates for bots without a webhook: persist first, then ack.

The next call's offset acknowledges; it advances only after the batch is committed, and the inbox's keys make a batch
that Telegram repeats harmless. So no offset is stored: a new owner begins where Telegram still has updates.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from domain.bots import Bot
from domain.bots.rules import POLLED_ELSEWHERE, REVOKED, WEBHOOK_ELSEWHERE
from domain.bots.updates import HANDLED
from domain.clients.telegram import Done, Outcome, Refused, TelegramClient
from domain.inbox import Arrival, InboxWriter
from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point
from domain.kit.errors import Unavailable
from domain.kit.log import logger

log = logger(__name__)

LONG_POLL = 25  # seconds Telegram holds an empty call
LIMIT = 100
BACKOFF_MAX = 30.0  # seconds
APART = 0.001  # seconds between the first calls of two bots: a thousand that are gained at once are no thundering herd
ALLOWED = list(HANDLED)  # allowed_updates

TokenDied = Callable[[Bot, str], Awaitable[None]]
Clashed = Callable[[Bot, str], None]  # with the sentence for the tenant


class Poller:
    """Polls bots; one `run` a bot."""

    def __init__(self, client: TelegramClient, inbox: InboxWriter, clock: Clock) -> None:
        self._client = client
        self._inbox = inbox
        self._clock = clock
        self._next_start = 0.0
        self.token_died: TokenDied | None = None
        self.clashed: Clashed = lambda *_: None

    async def run(self, bot: Bot, token: str) -> None:
        """Receive until cancelled, or until the token turns out dead."""
        offset = 0
        failures = 0
        await self._wait_in_line()
        while True:
            payload: dict[str, Any] = {"timeout": LONG_POLL, "limit": LIMIT, "allowed_updates": ALLOWED}
            if offset:
                payload["offset"] = offset
            outcome = await self._client.call(token, "getUpdates", payload, seconds=LONG_POLL + 10)
            if isinstance(outcome, Done):
                failures = 0
                offset = await self._store(bot, outcome.result, offset)
                continue
            if isinstance(outcome, Refused) and outcome.code in {401, 404}:
                if self.token_died is not None:
                    await self.token_died(bot, REVOKED)
                return
            failures += 1
            await self._recover(bot, token, outcome, failures)

    async def _wait_in_line(self) -> None:
        now = self._clock.monotonic()
        mine = max(now, self._next_start)
        self._next_start = mine + APART
        if mine > now:
            await self._clock.sleep(mine - now)

    async def _store(self, bot: Bot, updates: list[dict[str, Any]], offset: int) -> int:
        """Commit a batch; returns the offset that acknowledges it."""
        if not updates:
            return offset
        arrivals = [
            Arrival(bot.tenant_id, bot.slot, "telegram", str(bot.id), str(update["update_id"]), _raw(update))
            for update in updates
        ]
        while True:
            try:
                await self._inbox.put_all(arrivals)
                crash_point("polled")
                return max(int(update["update_id"]) for update in updates) + 1
            except Unavailable as error:
                log.warning("polling.paused", bot=bot.id, reason=error.detail)
                await self._clock.sleep(1.0)

    async def _recover(self, bot: Bot, token: str, outcome: Outcome, failures: int) -> None:
        wait = min(BACKOFF_MAX, 0.5 * 2 ** min(failures, 10))
        if isinstance(outcome, Refused):
            wait = outcome.retry_after or wait
            if outcome.code == 409 and "webhook" in outcome.description.lower():
                await self._client.call(token, "deleteWebhook", {"drop_pending_updates": False}, seconds=10)
                wait = 0.0
                self.clashed(bot, WEBHOOK_ELSEWHERE)
            elif outcome.code == 409:
                wait = 3.0  # another poller: the last owner's call, which Telegram ends by itself
                self.clashed(bot, POLLED_ELSEWHERE)
        log.info("polling.interrupted", bot=bot.id, outcome=repr(outcome), wait=wait)
        await self._clock.sleep(wait)


def _raw(update: dict[str, Any]) -> bytes:
    """The update as bytes. Half an emoji is no UTF-8: such an update is stored in escapes, and is poison later."""
    try:
        return orjson.dumps(update)
    except TypeError:
        return json.dumps(update).encode()
