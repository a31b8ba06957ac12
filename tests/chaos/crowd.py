"""People who write to the bots, and everything the bots say to them."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg
import orjson

from domain.kit.tasks import Tasks
from simulators.telegram import RunningSimulator
from simulators.telegram.model import Bot
from tests.chaos.history import Answer, Chat, Heard, History, Said, nonces_of
from tests.chaos.stack import Tenancy

ANSWERS = """
SELECT m.text, m.delivery, d.tenant_id, d.source, d.address, EXISTS (
    SELECT 1 FROM dialog_events e WHERE e.tenant_id = m.tenant_id AND e.dialog_id = m.dialog_id
    AND e.payload->>'message_id' = m.id::text AND e.payload->>'detail' LIKE '%twice%') AS told
FROM messages m JOIN dialogs d ON d.tenant_id = m.tenant_id AND d.id = m.dialog_id
WHERE m.role = 'assistant' AND m.text LIKE $1
"""
OPEN = """
SELECT state || ' in the inbox' AS what, count(*) AS rows FROM inbox
WHERE state IN ('ready', 'accepted', 'running') GROUP BY 1
UNION ALL SELECT state || ' in the outbox', count(*) FROM outbox WHERE state IN ('ready', 'sending') GROUP BY 1
"""
PHOTO = {"file_id": "f", "file_unique_id": "u", "file_size": 100, "width": 90, "height": 90}
BURSTS = 0.1  # of the times somebody writes, the share in which he writes several messages; they wait for each other


class Place(Protocol):
    """Where a crowd is: a running product, its tenants' bots, the Telegram they live in."""

    telegram: RunningSimulator
    tenants: list[Tenancy]

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What a query finds, past row-level security."""
        ...


class Crowd:
    """Chats of people with bots. `begin` starts a history of its own; nonces are never used twice."""

    def __init__(self, stack: Place, *, people: int, bursts: float = BURSTS) -> None:
        self._stack = stack
        self._bursts = bursts
        self._tasks = Tasks("crowd")
        self._tenant_of: dict[int, Tenancy] = {bot.id: tenant for tenant in stack.tenants for bot in tenant.bots}
        self.chats: list[tuple[Bot, int]] = []
        for tenant in stack.tenants:
            for bot in tenant.bots:
                self.chats += [(bot, stack.telegram.add_user()) for _ in range(people)]
        self._turns: list[tuple[Bot, int]] = []
        self._run = 0
        self.history = History()
        self.overrun = False

    def begin(self) -> None:
        """Forget the last run."""
        self._run += 1
        self.history = History()

    def say(self, bot: Bot, user: int, extra: str = "") -> str:
        """One person writes one text; its nonce."""
        nonce = f"N{self._run}-{len(self.history.said):06d}"
        self.note(nonce, bot, user)
        self._stack.telegram.say(bot, user, f"{nonce} {extra}".strip())
        return nonce

    def show(self, bot: Bot, user: int) -> str:
        """One person sends an album of one picture, with a text under it; its nonce."""
        nonce = self.next_nonce()
        self.note(nonce, bot, user)
        fields = {"photo": [PHOTO], "caption": nonce, "media_group_id": nonce}
        self._stack.telegram.people.post(bot, user, fields)
        return nonce

    def note(self, nonce: str, bot: Bot, user: int) -> None:
        """Remember what somebody is about to write."""
        chat: Chat = (bot.id, user)
        self.history.said.append(Said(nonce, chat, self._tenant_of[bot.id].id, asyncio.get_running_loop().time()))

    def next_nonce(self) -> str:
        """The nonce of the next text, for those that do not come through `say`."""
        return f"N{self._run}-{len(self.history.said):06d}"

    @asynccontextmanager
    async def talking(self, rng: random.Random, rate: float) -> AsyncIterator[None]:
        """While this is open, people write `rate` messages a second."""
        task = self._tasks.short("talk", self._talk(rng, rate))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _talk(self, rng: random.Random, rate: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            bot, user = self._next_chat(rng)
            count = rng.randint(2, 4) if rng.random() < self._bursts else 1
            for _ in range(count):
                self.say(bot, user)
            due += rng.expovariate(rate) * count
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _next_chat(self, rng: random.Random) -> tuple[Bot, int]:
        """Everybody once before anybody twice, in any order: no chat runs into its own limit."""
        if not self._turns:
            self._turns = rng.sample(self.chats, len(self.chats))
        return self._turns.pop()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear what bots say, from the first to the last run."""
        task = self._tasks.eternal("listen", self._listen())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            assert not task.done(), "the crowd did not listen to the end"
            await self._tasks.stop()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with self._stack.telegram.core.hub.subscribe() as subscription:
            while True:
                event = orjson.loads(await subscription.events.get())
                self.overrun |= subscription.overrun
                if event.get("type") == "message" and event["outgoing"]:
                    chat = (event["bot_id"], event["chat_id"])
                    nonces = nonces_of(event["message"].get("text", ""))
                    self.history.heard += [Heard(nonce, chat, loop.time()) for nonce in nonces]

    def waiting(self) -> int:
        """Updates that Telegram still holds."""
        return sum(len(bot.queue) for tenant in self._stack.tenants for bot in tenant.bots)

    async def look(self) -> History:
        """The history with what the product knows now."""
        assert not self.overrun, "the crowd missed events of the simulator"
        history = self.history
        rows = await self._stack.rows(ANSWERS, f"%N{self._run}-%")
        history.answers = [
            Answer(
                nonces_of(row["text"]),
                (int(row["source"]), int(row["address"].partition("/")[0])),
                row["tenant_id"],
                row["delivery"],
                row["told"],
            )
            for row in rows
        ]
        history.waiting = self.waiting()
        history.open_rows = await self._open_rows()
        return history

    async def _open_rows(self) -> dict[str, int]:
        return {row["what"]: row["rows"] for row in await self._stack.rows(OPEN)}

    async def quiet(self, seconds: float) -> float:
        """Wait until nothing is under way, at most so long; how long it took."""
        loop = asyncio.get_running_loop()
        began, calm = loop.time(), 0
        while calm < 2 and loop.time() - began < seconds:
            await asyncio.sleep(0.15)
            calm = 0 if self.waiting() or await self._open_rows() else calm + 1
        return loop.time() - began
