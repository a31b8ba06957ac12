"""The bots of the owned slots: known, receiving, paused, or gone; reloaded when somebody changes one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.bots import Bot
from domain.bots import service as bots
from domain.bots.rules import OTHER_KEY, REVOKED
from domain.clients.telegram import Gate, NotSent, Outcome, TelegramClient
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.log import logger
from domain.kit.metrics import gauge
from domain.kit.sealing import KeyRing, SealBroken
from domain.kit.tasks import Tasks
from shards.health import BotHealth
from shards.ownership import Ownership
from shards.polling import Poller
from shards.webhooks import WebhookKeeper

log = logger(__name__)

RESTART_AFTER = 5.0  # seconds after a bot's receiver met a fault of ours

LOOK_EVERY = 3.0  # seconds between looks at the bots' rows, should a bell be lost
ABSENT_FOR = 5.0  # seconds a bot without a row is not asked for again
CALL_SECONDS = 11.0  # Telegram holds a flooding send for up to 8 s; less than what a handover waits (outbox.SETTLE)
NOTE_SEEN_EVERY = 30.0  # seconds between writes of when a bot last heard something

LOADED = gauge("replyx_bots_loaded", "Bots of the owned slots, by mode", ("mode",))


@dataclass(slots=True)
class _Known:
    bot: Bot
    token: str | None
    task: asyncio.Task[None] | None = None


class BotRegistry:
    """What this shard knows of its bots."""

    def __init__(
        self,
        *,
        db: Database,
        client: TelegramClient,
        keyring: KeyRing,
        ownership: Ownership,
        poller: Poller,
        webhooks: WebhookKeeper,
        clock: Clock,
    ) -> None:
        self._db = db
        self._client = client
        self._keyring = keyring
        self._ownership = ownership
        self._poller = poller
        self._webhooks = webhooks
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._absent: dict[int, float] = {}
        self._seen: set[tuple[UUID, int]] = set()
        self._note_seen_at = 0.0
        self._changed: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks = Tasks("bots")
        self._health = BotHealth(db, client, clock)
        poller.clashed = self._health.clashed
        webhooks.poll, webhooks.noted = poller.run, self._health.note

    def __len__(self) -> int:
        return len(self._known)

    async def find(self, bot_id: int) -> Bot | None:
        """The bot, from memory or from Postgres; None when it was removed."""
        known = self._known.get(bot_id)
        if known is None and self._absent.get(bot_id, 0.0) <= self._clock.monotonic():
            await self._reload([bot_id])
            known = self._known.get(bot_id)
        return known.bot if known else None

    async def receive(self, bot_id: int) -> Bot | None:
        """The same, for an update that arrived."""
        bot = await self.find(bot_id)
        if bot is not None:
            self._seen.add((bot.tenant_id, bot.id))
        return bot

    def known(self, bot_id: int) -> Bot | None:
        """The bot, if it is in memory."""
        known = self._known.get(bot_id)
        return known.bot if known else None

    async def call(self, bot: Bot, method: str, payload: dict[str, object], gate: Gate | None = None) -> Outcome:
        """Call a method as this bot; `gate` as in TelegramClient.call. Raises LostOwnership for one that is not ours
        any more."""
        known = self._known.get(bot.id)
        if known is None or not self._ownership.owns(bot.slot):
            raise LostOwnership(f"bot {bot.id} is not ours")
        if known.token is None:
            return NotSent(OTHER_KEY)
        outcome = await self._client.call(known.token, method, payload, seconds=CALL_SECONDS, gate=gate)
        self._health.saw(bot, method, outcome)
        return outcome

    async def token_died(self, bot: Bot, reason: str) -> None:
        """Telegram does not accept the token any more: the bot stops until its tenant gives a new one."""
        log.warning("bot.revoked", bot=bot.id, reason=reason)
        async with self._db.worker_tx() as conn:
            await bots.revoke(conn, bot, reason=REVOKED)
        self.changed(bot.id)

    def changed(self, bot_id: int) -> None:
        """Somebody rang: read this bot again."""
        self._changed.add(bot_id)
        self._wake.set()

    def look(self, bot_id: int) -> None:
        """Somebody reads this bot's health: ask Telegram how it is."""
        known = self._known.get(bot_id)
        if known is not None and known.token is not None and self._ownership.owns(known.bot.slot):
            self._tasks.short("look", self._health.look(known.bot, known.token))

    async def run(self) -> None:
        """Eternal: reload what changed; every few seconds look for changes whose doorbell was lost."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                await self._reload(sorted(changed or await self._stale()))
                await self._note_seen()
                await self._health.write()
            except Unavailable:
                self._changed |= changed
                await asyncio.sleep(1.0)

    async def gained(self, slots: frozenset[int]) -> None:
        """Load the bots of new slots and let them receive."""
        async with self._db.worker_tx() as conn:
            found = await bots.list_by_slots(conn, slots=sorted(slots))
        for bot in found:
            self._install(bot)

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Stop receiving in these."""
        for known in self._in(slots):
            self._stop(known)
        return frozenset()

    async def settle(self, slots: frozenset[int]) -> None:
        """Nothing of ours is left in flight after `freeze`."""

    def forget(self, slots: frozenset[int]) -> None:
        """These bots are somebody else's."""
        for known in list(self._in(slots)):
            self._remove(known)

    async def stop(self) -> None:
        """Cancel everything."""
        await self._tasks.stop()

    def _in(self, slots: frozenset[int]) -> Iterable[_Known]:
        return [known for known in self._known.values() if known.bot.slot in slots]

    async def _note_seen(self) -> None:
        now = self._clock.monotonic()
        if self._seen and now >= self._note_seen_at:
            self._note_seen_at = now + NOTE_SEEN_EVERY
            seen, self._seen = self._seen, set()
            async with self._db.worker_tx() as conn:
                await bots.note_seen(conn, sorted(seen))

    async def _stale(self) -> set[int]:
        """Bots whose row is new, changed or gone since we read it."""
        async with self._db.worker_tx() as conn:
            versions = await bots.list_versions(conn, slots=sorted(self._ownership.held))
        known = {bot_id: entry.bot.updated_at for bot_id, entry in self._known.items()}
        return {bot_id for bot_id in versions.keys() | known.keys() if versions.get(bot_id) != known.get(bot_id)}

    async def _reload(self, ids: Iterable[int]) -> None:
        for bot_id in ids:
            async with self._db.worker_tx() as conn:
                bot = await bots.find(conn, bot_id=bot_id)
            known = self._known.get(bot_id)
            if known is not None:
                self._remove(known)
            if bot is None:
                self._absent[bot_id] = self._clock.monotonic() + ABSENT_FOR
                if known is not None and known.bot.mode == "webhook" and known.token is not None:
                    # Its row is gone and with it the token: the last moment to tell Telegram.
                    self._tasks.short("deleteWebhook", self._client.call(known.token, "deleteWebhook", {}, seconds=10))
            elif bot.slot in self._ownership.held:
                self._install(bot)

    def _install(self, bot: Bot) -> None:
        if bot.id in self._known:
            return
        token = self._token_of(bot)
        known = self._known[bot.id] = _Known(bot, token)
        self._absent.pop(bot.id, None)
        LOADED.labels(bot.mode).inc()
        if bot.mode == "polling":
            self._health.begin(bot)
        if bot.state == "active" and token is not None:
            run = self._poller.run if bot.mode == "polling" else self._webhooks.keep
            known.task = self._tasks.short(bot.mode, _kept_up(bot, lambda: run(bot, token)))

    def _token_of(self, bot: Bot) -> str | None:
        """The bot's token; None if it was sealed with another key: what arrives is still kept, nothing can be sent."""
        try:
            return self._keyring.unseal(bot.token_sealed, place=bots.token_place(bot.tenant_id, bot.id))
        except SealBroken as error:
            log.error("bot.sealed_with_another_key", bot=bot.id, error=str(error))
            self._tasks.short("note", self._note(bot, OTHER_KEY))
            return None

    async def _note(self, bot: Bot, error: str) -> None:
        async with self._db.worker_tx() as conn:
            await bots.note_error(conn, tenant_id=bot.tenant_id, bot_id=bot.id, error=error)

    def _stop(self, known: _Known) -> None:
        if known.task is not None:
            known.task.cancel()
            known.task = None

    def _remove(self, known: _Known) -> None:
        self._stop(known)
        self._known.pop(known.bot.id, None)
        LOADED.labels(known.bot.mode).dec()


async def _kept_up(bot: Bot, run: Callable[[], Awaitable[None]]) -> None:
    """Run a bot's receiver until it returns; a fault of ours must not silence the bot for as long as we own it."""
    while True:
        try:
            await run()
            return
        except Unavailable as error:
            log.warning("bot.paused", bot=bot.id, reason=error.detail)
        except Exception:
            # The boundary: whatever it was, the bot's next update may be fine.
            log.exception("bot.failed", bot=bot.id)
        await asyncio.sleep(RESTART_AFTER)
