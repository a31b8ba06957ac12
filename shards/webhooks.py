"""Keeps the webhooks of bots as they should be: set when they are not, repaired when somebody changed them."""

from urllib.parse import urlsplit

from domain.bots import Bot
from domain.bots import service as bots
from domain.clients.telegram import Done, Outcome, Refused, TelegramClient
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.sealing import KeyRing
from shards.polling import ALLOWED, REVOKED, TokenDied

log = logger(__name__)

CHECK_EVERY = 300.0  # seconds
RETRY_EVERY = 10.0  # seconds after a failure
MAX_CONNECTIONS = 40


class _Revoked(Exception):
    """Telegram does not know the token."""


class WebhookKeeper:
    """One `keep` a bot, for as long as its slot is ours."""

    def __init__(self, *, client: TelegramClient, keyring: KeyRing, base_url: str, db: Database, clock: Clock) -> None:
        self._client = client
        self._keyring = keyring
        self._base_url = base_url
        self._db = db
        self._clock = clock
        self.token_died: TokenDied | None = None

    async def keep(self, bot: Bot, token: str) -> None:
        """Set and watch until cancelled."""
        noted = bot.last_error
        while True:
            try:
                problem = await self._ensure(bot, token)
            except _Revoked:
                if self.token_died is not None:
                    await self.token_died(bot, REVOKED)
                return
            if problem != noted and await self._note(bot, problem):
                noted = problem
            await self._clock.sleep(CHECK_EVERY if problem is None else RETRY_EVERY)

    async def _ensure(self, bot: Bot, token: str) -> str | None:
        """None when the webhook is as it should be, else what is wrong, for the tenant to read."""
        secrets = bots.secrets_of(self._keyring, bot.id)
        url = f"{self._base_url}/telegram/{secrets.path}"
        info = await self._client.call(token, "getWebhookInfo", seconds=10)
        if isinstance(info, Refused) and info.code in {401, 404}:
            raise _Revoked
        if isinstance(info, Done) and info.result.get("url") == url:
            return _complaint(info.result)
        wanted = {
            "url": url,
            "secret_token": secrets.header,
            "max_connections": MAX_CONNECTIONS,
            "allowed_updates": ALLOWED,
        }
        outcome = await self._client.call(token, "setWebhook", wanted, seconds=20)
        if isinstance(outcome, Done):
            log.info("webhook.set", bot=bot.id, host=urlsplit(url).netloc)
            return None
        return _reason(outcome)

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


def _complaint(info: dict[str, object]) -> str | None:
    """Telegram says so only while updates wait for us."""
    if info.get("pending_update_count") and info.get("last_error_message"):
        return f"Telegram cannot reach us: {info['last_error_message']}"
    return None


def _reason(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return f"Telegram refused the webhook: {outcome.description}"
    return "Telegram does not answer; the webhook is not set yet."
