"""Which bot a webhook path belongs to, remembered for a few seconds: a busy bot must not cost a query an update."""

from dataclasses import dataclass
from uuid import UUID

from domain.bots import service as bots
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.sealing import KeyRing
from domain.kit.slots import slot_of_bot
from gateway.remembered import Remembered

TTL = 20.0  # seconds; a removed bot's updates are refused no later than this


@dataclass(frozen=True, slots=True)
class Target:
    """A bot that takes webhooks; `header` is what Telegram repeats in X-Telegram-Bot-Api-Secret-Token,
    `source` names the bot in the inbox."""

    bot_id: int
    tenant_id: UUID
    slot: int
    header: str
    source: str


class WebhookTargets:
    """Looks up path secrets."""

    def __init__(self, db: Database, keyring: KeyRing, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._remembered = Remembered(self._look_up, clock, ttl=TTL)

    def known(self, path: str) -> Target | None:
        """The bot behind a path secret, if that is remembered."""
        return self._remembered.known(path)

    async def find(self, path: str) -> Target | None:
        """The bot behind a path secret, if there is one. Raises Unavailable."""
        return await self._remembered.find(path)

    async def _look_up(self, path: str) -> Target | None:
        async with self._db.app_tx() as conn:
            found = await bots.find_by_path(conn, path=path)
        if found is None:
            return None
        header = bots.secrets_of(self._keyring, found.bot_id).header
        return Target(found.bot_id, found.tenant_id, slot_of_bot(found.bot_id), header, str(found.bot_id))
