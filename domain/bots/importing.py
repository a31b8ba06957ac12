"""Many tokens at once: each is checked with Telegram and connected by itself, so that one bad token spoils no other.

Importing the same list again changes nothing for bots that are connected already, and tries the rest once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from domain.bots import service as bots
from domain.bots.model import Bot, BotMode
from domain.bots.service import Identity, LimitReached
from domain.clients.telegram import TelegramClient
from domain.kit.clock import Clock
from domain.kit.db import Conn
from domain.kit.errors import Conflict, Invalid, NotFound, Unavailable
from domain.kit.sealing import KeyRing

MAX_TOKENS = 2000
AT_ONCE = 8  # getMe calls in flight
WRITES_AT_ONCE = 3  # of one import: other requests need the database too
PATIENCE = 30.0  # seconds: a longer wait that Telegram asks for ends the import; the same list goes on later
GIVE_UP_AFTER = 20  # calls in a row without an answer

Outcome = Literal["connected", "yours", "renewed", "invalid", "refused", "limit", "later"]

INVALID = "This is not a bot token. Copy it from @BotFather: it looks like 123456789:AAE4..."
# One sentence for a dead token and for a bot of another workspace: a list of tokens is no way to ask who has which bot.
REFUSED = (
    "This bot cannot be connected: Telegram does not know the token, or the bot is in use elsewhere. "
    "Check it in @BotFather."
)
LATER = "Telegram does not answer now; import the same list again in a minute."


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a token, `line` counted from 1. `bot_id` is the number in it; the rest is never repeated.

    connected: new. yours: connected already. renewed: yours, its token was dead and this one works. invalid: no token.
    refused: by Telegram, or in use elsewhere. limit: the workspace has enough. later: try the same list again.
    """

    line: int
    outcome: Outcome
    bot_id: int | None = None
    username: str | None = None
    detail: str | None = None


Transaction = Callable[[], AbstractAsyncContextManager[Conn]]
Ring = Callable[[int, int], Awaitable[None]]  # (bot id, slot) after a commit
Tell = Callable[[Imported], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the bots go; `limit` is how many the tenant may have in all."""

    tenant_id: UUID
    assistant_id: UUID
    mode: BotMode
    limit: int


def lines_of(text: str) -> list[str]:
    """The tokens of a file: one a line; empty lines and what follows a # are left out."""
    stripped = (line.partition("#")[0].strip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in stripped if line]


class Importer:
    """One import; `tx` opens a transaction of the target's tenant."""

    def __init__(
        self, *, tx: Transaction, client: TelegramClient, keyring: KeyRing, clock: Clock, target: Target, ring: Ring
    ) -> None:
        self._tx = tx
        self._client = client
        self._keyring = keyring
        self._clock = clock
        self._target = target
        self._ring = ring
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)
        self._silent = 0  # calls in a row without an answer
        self._over: str | None = None  # why nobody is asked any more

    async def run(self, tokens: Sequence[str], tell: Tell) -> None:
        """Import; each outcome is told as soon as it is known, in any order."""
        waiting = iter(enumerate(tokens, 1))

        async def work() -> None:
            for line, token in waiting:  # shared: whoever is free takes the next
                await tell(await self._one(line, token.strip()))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(tokens))):
                group.create_task(work())

    async def _one(self, line: int, token: str) -> Imported:
        number = token.partition(":")[0]
        bot_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
        try:
            me = await self._identified(token)
            async with self._writes:
                outcome = await self._connected(me, token)
            return Imported(line, outcome, me.id, me.username)
        except _NotAToken:
            return Imported(line, "invalid", detail=INVALID)
        except LimitReached as error:
            return Imported(line, "limit", bot_id, detail=error.detail)
        except (Invalid, Conflict):
            return Imported(line, "refused", bot_id, detail=REFUSED)
        except Unavailable as error:
            return Imported(line, "later", bot_id, detail=error.detail)

    async def _identified(self, token: str) -> Identity:
        """Whose token it is; short waits that Telegram asks for are kept."""
        if not bots.looks_like_a_token(token):
            raise _NotAToken(INVALID)
        while self._over is None:
            try:
                me = await bots.identify(self._client, token)
            except Invalid:
                self._silent = 0
                raise
            except bots.Flooded as error:
                if (error.retry_after or 0) > PATIENCE:
                    self._over = f"{error.detail} Import the same list again then."
                else:
                    await self._clock.sleep(error.retry_after or 1.0)
            except Unavailable:
                self._silent += 1
                if self._silent >= GIVE_UP_AFTER:
                    self._over = LATER
                raise
            else:
                self._silent = 0
                return me
        raise Unavailable(self._over)

    async def _connected(self, me: Identity, token: str) -> Outcome:
        """Connect it, or see that it is connected. Raises Conflict for another tenant's."""
        target = self._target
        if (mine := await self._mine(me.id, token)) is not None:
            return mine
        try:
            async with self._tx() as conn:
                bot = await bots.add(
                    conn,
                    self._keyring,
                    tenant_id=target.tenant_id,
                    assistant_id=target.assistant_id,
                    token=token,
                    me=me,
                    mode=target.mode,
                    limit=target.limit,
                )
        except Conflict:
            # The same bot may stand in the list twice, or in two imports at once.
            if (mine := await self._mine(me.id, token)) is not None:
                return mine
            raise
        await self._ring(bot.id, bot.slot)
        return "connected"

    async def _mine(self, bot_id: int, token: str) -> Outcome | None:
        """What there is to do for a bot of this tenant; None if it is not."""
        tenant_id, bot = self._target.tenant_id, None
        async with self._tx() as conn:
            try:
                bot = await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
            except NotFound:
                return None
            if bot.state != "revoked":
                return "yours"
            bot = await self._renewed(conn, bot, token)
        await self._ring(bot.id, bot.slot)
        return "renewed"

    async def _renewed(self, conn: Conn, bot: Bot, token: str) -> Bot:
        sealed = self._keyring.seal(token, place=bots.token_place(bot.tenant_id, bot.id))
        return await bots.update(conn, tenant_id=bot.tenant_id, bot_id=bot.id, token_sealed=sealed)


class _NotAToken(Invalid):
    """It does not even look like one."""
