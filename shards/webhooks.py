"""Keeps the webhooks of bots as they should be: set when they are not, repaired when somebody changed them.

A bot whose webhook Telegram refuses (PUBLIC_URL is not https, not reachable from outside, on a wrong port) is polled
until that is changed, and says so.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from domain.bots import Bot, rules
from domain.bots import service as bots
from domain.clients.telegram import Done, Refused, TelegramClient
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.sealing import KeyRing
from shards.polling import ALLOWED, TokenDied

log = logger(__name__)

CHECK_EVERY = 300.0  # seconds
RETRY_EVERY = 10.0  # seconds after a failure
POLL_FOR = 600.0  # seconds a bot is polled whose webhook was refused, until it is tried again
TAKEN_WITHIN = 3600.0  # seconds: a webhook that is changed twice within is somebody's who will do it again
MAX_CONNECTIONS = 40

Poll = Callable[[Bot, str], Awaitable[None]]
Noted = Callable[[Bot, dict[str, object]], Awaitable[None]]


class _Revoked(Exception):
    """Telegram does not know the token."""


class _NoWebhook(Exception):
    """Telegram will not take this webhook, however often it is asked. The message is for the tenant."""


class WebhookKeeper:
    """One `keep` a bot, for as long as its slot is ours."""

    def __init__(
        self,
        *,
        client: TelegramClient,
        keyring: KeyRing,
        base_url: str,
        db: Database,
        clock: Clock,
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._base_url = base_url
        self._db = db
        self._clock = clock
        self.token_died: TokenDied | None = None
        self.poll: Poll = _nobody
        self.noted: Noted = _nobody

    async def keep(self, bot: Bot, token: str) -> None:
        """Set and watch until cancelled."""
        told = bot.last_error
        watch = _Watch(self._clock)
        while True:
            try:
                problem, wait = await self._ensure(bot, token, watch)
            except _Revoked:
                if self.token_died is not None:
                    await self.token_died(bot, rules.REVOKED)
                return
            except _NoWebhook as error:
                problem, wait = f"{error} {rules.POLLED_MEANWHILE}", 0.0
                watch.was_set = False
            if problem != told and await self._note(bot, problem):
                told = problem
            if wait:
                await self._clock.sleep(wait)
            else:
                await self._poll_for_a_while(bot, token)

    async def _poll_for_a_while(self, bot: Bot, token: str) -> None:
        """What a cancelled poll had in hand was not acknowledged, and comes again."""
        try:
            async with asyncio.timeout(POLL_FOR):
                await self.poll(bot, token)
                await asyncio.Event().wait()  # the token died: whoever noticed it has us cancelled
        except TimeoutError:
            pass

    async def _ensure(self, bot: Bot, token: str, watch: "_Watch") -> tuple[str | None, float]:
        """(None or what is wrong, for the tenant to read; seconds until the next look)."""
        secrets = bots.secrets_of(self._keyring, bot.id)
        path = f"/telegram/{secrets.path}"
        outcome = await self._client.call(token, "getWebhookInfo", seconds=10)
        if isinstance(outcome, Refused) and outcome.code in {401, 404}:
            raise _Revoked
        info = outcome.result if isinstance(outcome, Done) else None
        if info is not None:
            await self.noted(bot, info)
            watch.look(str(info.get("url", "")), path)
            if watch.is_right(info, self._base_url + path):
                words = _complaint(info)
                problem = rules.unreachable(words, self._base_url) if words else watch.complaint
                return problem, RETRY_EVERY if words else CHECK_EVERY
        problem = await self._set(bot, token, secrets.header, self._base_url + path)
        if problem is not None:
            return problem, RETRY_EVERY
        watch.was_set = True
        return watch.complaint, CHECK_EVERY

    async def _set(self, bot: Bot, token: str, secret: str, url: str) -> str | None:
        """None, or why not. Raises _NoWebhook when asking again will not help, _Revoked."""
        wanted = {
            "url": url,
            "secret_token": secret,
            "max_connections": MAX_CONNECTIONS,
            "allowed_updates": ALLOWED,
        }
        outcome = await self._client.call(token, "setWebhook", wanted, seconds=20)
        if isinstance(outcome, Done):
            log.info("webhook.set", bot=bot.id, host=urlsplit(url).netloc)
            return None
        if not isinstance(outcome, Refused) or outcome.code >= 429:
            return "Telegram does not answer; the webhook is not set yet."
        if outcome.code in {401, 404}:
            raise _Revoked
        problem = rules.webhook_refused(outcome.description, self._base_url)
        if outcome.code == 400 and "webhook" in outcome.description.lower():
            raise _NoWebhook(problem)
        return problem

    async def _note(self, bot: Bot, problem: str | None) -> bool:
        """Say what is wrong, or that it is over; False when the database is away."""
        log.warning("webhook.problem", bot=bot.id, problem=problem)
        try:
            async with self._db.worker_tx() as conn:
                await bots.note_error(conn, tenant_id=bot.tenant_id, bot_id=bot.id, error=problem)
        except Unavailable as error:
            log.warning("webhook.problem_not_noted", reason=error.detail)
            return False
        return True


class _Watch:
    """What one `keep` saw of a webhook: whether it is ours, and who takes it away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: deque[float] = deque()
        self._taker = ""
        self._corrected = False
        self.was_set = False

    def look(self, url: str, path: str) -> None:
        """Remember a webhook that somebody else put there (or removed after we had set it). An older address of ours
        ends in the same path."""
        if url.endswith(path):
            self.was_set = True
        elif url or self.was_set:
            self._taken.append(self._clock.monotonic())
            self._taker = url

    def is_right(self, info: dict[str, object], url: str) -> bool:
        """Whether nothing needs to be set. Kinds of updates and connections are corrected once: what Telegram still
        shows otherwise after that is its own idea of them."""
        if info.get("url") != url:
            return False
        kinds = info.get("allowed_updates")
        same = isinstance(kinds, list) and set(kinds) == set(ALLOWED)
        if self._corrected or (same and info.get("max_connections", MAX_CONNECTIONS) == MAX_CONNECTIONS):
            return True
        self._corrected = True
        return False

    @property
    def complaint(self) -> str | None:
        """About whoever keeps changing it; one change is a bot that moved here."""
        while self._taken and self._taken[0] < self._clock.monotonic() - TAKEN_WITHIN:
            self._taken.popleft()
        return rules.webhook_taken(self._taker) if len(self._taken) > 1 else None


async def _nobody(*_: object) -> None:
    """Before the registry has said who polls and who keeps what was seen."""


def _complaint(info: dict[str, object]) -> str | None:
    """Telegram's words about our webhook, while updates wait for us: an old error is no news."""
    words = info.get("last_error_message")
    return str(words) if info.get("pending_update_count") and words else None
