"""What a shard learns of its bots' health in passing, written down every few seconds instead of once a send."""

from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from domain.bothealth import Check, Minute
from domain.bothealth import service as bothealth
from domain.bots import Bot
from domain.bots import service as bots
from domain.bots.rules import POLLED_ELSEWHERE, WEBHOOK_ELSEWHERE
from domain.clients.telegram import Done, Outcome, Refused, TelegramClient, Unknown
from domain.kit.clock import Clock
from domain.kit.db import Database

CLASHES = 3  # 409s within CLASH_SECONDS: not our own last owner, whose call Telegram ends by itself
CLASH_SECONDS = 60.0
TAKEN = 2  # webhooks that were found and removed within TAKEN_SECONDS: the first is that of a bot that moved here
TAKEN_SECONDS = 3600.0
ASK_AGAIN = 15.0  # seconds a bot is not asked about again, however many people look at its health

_EPHEMERAL = {"sendMessageDraft", "sendRichMessageDraft", "sendChatAction"}


@dataclass(slots=True)
class _Seen:
    floods: int = 0
    flood_seconds: float = 0.0
    uncertain: int = 0


@dataclass(slots=True)
class _Clashes:
    """When a bot met another program, of late."""

    tenant_id: UUID
    told: bool
    at: deque[float] = field(default_factory=deque)


class BotHealth:
    """Floods, sends without an answer, other pollers, and what getWebhookInfo says."""

    def __init__(self, db: Database, client: TelegramClient, clock: Clock) -> None:
        self._db = db
        self._client = client
        self._clock = clock
        self._seen: dict[tuple[UUID, int], _Seen] = {}
        self._clashes: dict[tuple[int, str], _Clashes] = {}  # by bot and the sentence for it
        self._asked: dict[int, float] = {}

    def saw(self, bot: Bot, method: str, outcome: Outcome) -> None:
        """The outcome of a call; most say nothing about health, and cost nothing here."""
        if isinstance(outcome, Refused) and outcome.code == 429:
            seen = self._seen.setdefault((bot.tenant_id, bot.id), _Seen())
            seen.floods += 1
            seen.flood_seconds += outcome.retry_after or 0.0
        elif isinstance(outcome, Unknown) and method.startswith("send") and method not in _EPHEMERAL:
            self._seen.setdefault((bot.tenant_id, bot.id), _Seen()).uncertain += 1

    def clashed(self, bot: Bot, sentence: str) -> None:
        """Telegram refused our getUpdates (409) because of somebody else's, or of a webhook."""
        clashes = self._clashes.setdefault((bot.id, sentence), _Clashes(bot.tenant_id, bot.last_error == sentence))
        clashes.at.append(self._clock.monotonic())

    def begin(self, bot: Bot) -> None:
        """A bot is polled from now on. What its last owner complained of is withdrawn when it is over."""
        for sentence in (POLLED_ELSEWHERE, WEBHOOK_ELSEWHERE):
            self._clashes.pop((bot.id, sentence), None)
            if bot.last_error == sentence:
                self.clashed(bot, sentence)

    async def write(self) -> None:
        """Write down what was seen since the last time. Raises Unavailable."""
        await self._write_minutes()
        await self._judge_clashes()

    async def look(self, bot: Bot, token: str) -> None:
        """Ask Telegram, unless it was asked just now: somebody reads the bot's health."""
        now = self._clock.monotonic()
        if self._asked.get(bot.id, 0.0) > now:
            return
        if len(self._asked) > 10_000:
            self._asked.clear()
        self._asked[bot.id] = now + ASK_AGAIN
        outcome = await self._client.call(token, "getWebhookInfo", seconds=10)
        if isinstance(outcome, Done):
            await self.note(bot, outcome.result)

    async def note(self, bot: Bot, info: dict[str, object]) -> None:
        """Keep what getWebhookInfo said. Raises Unavailable."""
        date, words = info.get("last_error_date"), info.get("last_error_message")
        pending = info.get("pending_update_count")
        check = Check(
            receiving="none" if bot.state != "active" else "webhook" if info.get("url") else "polling",
            pending=pending if isinstance(pending, int) else 0,
            webhook_error=words[:500] if isinstance(words, str) else None,
            webhook_error_at=date if isinstance(date, int) else None,
        )
        async with self._db.worker_tx() as conn:
            await bothealth.note_check(conn, tenant_id=bot.tenant_id, bot_id=bot.id, check=check)

    async def _write_minutes(self) -> None:
        if not self._seen:
            return
        seen, self._seen = self._seen, {}
        minutes = [
            Minute(tenant, bot, one.floods, one.flood_seconds, one.uncertain)
            for (tenant, bot), one in sorted(seen.items())
        ]
        async with self._db.worker_tx() as conn:
            await bothealth.note_minutes(conn, minutes)

    async def _judge_clashes(self) -> None:
        """Complain of another program after a few clashes, and withdraw it when there were none for a while."""
        for (bot_id, sentence), clashes in list(self._clashes.items()):
            polled = sentence == POLLED_ELSEWHERE
            enough, seconds = (CLASHES, CLASH_SECONDS) if polled else (TAKEN, TAKEN_SECONDS)
            while clashes.at and clashes.at[0] < self._clock.monotonic() - seconds:
                clashes.at.popleft()
            if not clashes.told and len(clashes.at) >= enough:
                async with self._db.worker_tx() as conn:
                    await bots.note_error(conn, tenant_id=clashes.tenant_id, bot_id=bot_id, error=sentence)
                clashes.told = True
            elif not clashes.at:
                if clashes.told:
                    async with self._db.worker_tx() as conn:
                        await bots.withdraw_error(conn, tenant_id=clashes.tenant_id, bot_id=bot_id, error=sentence)
                self._clashes.pop((bot_id, sentence), None)
