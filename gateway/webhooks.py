"""Which bot a webhook path belongs to, remembered for a few seconds: a busy bot must not cost a query an update."""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from domain.bots import service as bots
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.sealing import KeyRing
from domain.kit.slots import slot_of_bot

_TTL = 5.0  # seconds; a removed bot's updates are refused no later than this
_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """A bot that takes webhooks; `header` is what Telegram repeats in X-Telegram-Bot-Api-Secret-Token."""

    bot_id: int
    tenant_id: UUID
    slot: int
    header: str


class WebhookTargets:
    """Looks up path secrets; unknown ones are remembered too, so guessing is cheap for us."""

    def __init__(self, db: Database, keyring: KeyRing, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Target | None]] = OrderedDict()

    async def find(self, path: str) -> Target | None:
        """The bot behind a path secret, if there is one. Raises Unavailable."""
        now = self._clock.monotonic()
        entry = self._known.get(path)
        if entry is not None and entry[0] > now:
            return entry[1]
        target = await self._look_up(path)
        self._known[path] = (now + _TTL, target)
        self._known.move_to_end(path)
        if len(self._known) > _ENTRIES:
            self._known.popitem(last=False)
        return target

    async def _look_up(self, path: str) -> Target | None:
        async with self._db.app_tx() as conn:
            found = await bots.find_by_path(conn, path=path)
        if found is None:
            return None
        header = bots.secrets_of(self._keyring, found.bot_id).header
        return Target(found.bot_id, found.tenant_id, slot_of_bot(found.bot_id), header)
