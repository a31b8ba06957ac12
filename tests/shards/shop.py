"""A tenant's bot in the Telegram simulator, and a person who writes to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from domain.kit.db import Database
from domain.kit.settings import Settings
from shards.worker import Worker
from simulators.telegram import RunningSimulator, running_simulator
from simulators.telegram.model import Bot
from tests.shards.outages import Assistant
from tests.shards.world import Tenant, World, open_world, running_worker, until

BOT = 1001
TOKEN = f"{BOT}:{'A' * 35}"


@dataclass
class Shop:
    """A tenant's bot in the simulator, and a person who writes to it."""

    sim: RunningSimulator
    world: World
    tenant: Tenant
    settings: Settings
    bot: Bot
    person: int
    assistant: Assistant = field(default_factory=Assistant)

    @asynccontextmanager
    async def worker(self, *, patient: bool = False) -> AsyncIterator[Worker]:
        """A worker; a patient one thinks until `assistant.gate` is open."""
        async with running_worker(self.settings) as worker:
            if patient:
                self.assistant.serve(worker)
            yield worker

    async def answers(self, count: int, chat: int = 0) -> list[str]:
        """What the bot said, once it is so much; and nothing is on its way behind it."""
        place = chat or self.person

        async def enough() -> bool:
            return len(self.sim.answers(self.bot, place)) >= count

        await until(enough, f"{count} answers")
        await self.settled()
        return self.sim.answers(self.bot, place)

    async def settled(self) -> None:
        """Wait until every update has become what it means, and everything was sent."""

        async def quiet() -> bool:
            rows = await self.tenant.rows(
                "SELECT 1 FROM inbox WHERE state NOT IN ('done', 'dead') UNION ALL"
                " SELECT 1 FROM outbox WHERE state IN ('ready', 'sending')"
            )
            return not rows and not len(self.bot.queue)

        await until(quiet, "the inbox and the outbox to be empty")

    async def said(self) -> list[str]:
        """The customer's messages."""
        rows = await self.tenant.rows("SELECT text FROM messages WHERE role = 'customer' ORDER BY dialog_id, seq")
        return [row["text"] for row in rows]

    async def asked(self, count: int) -> list[str]:
        """The questions that the assistant was asked, once there are so many."""

        async def enough() -> bool:
            return len(self.assistant.asked) >= count

        await until(enough, f"{count} questions")
        return self.assistant.asked

    def inject(self, **update: Any) -> None:
        """A raw update."""
        self.sim.world.push_raw(self.bot, update, expires_at=self.sim.core.clock.now() + 3600)

    def sent(self, method: str = "sendMessage") -> list[dict[str, Any]]:
        """The parameters of the bot's calls of a method."""
        return [call.params for call in self.sim.calls(method, self.bot)]


@asynccontextmanager
async def open_shop(db: Database, settings: Settings) -> AsyncIterator[Shop]:
    """A shop of one test."""
    async with running_simulator() as sim:
        pointed = settings.model_copy(update={"telegram_api_url": sim.url})
        async with open_world(db, pointed) as world:
            tenant = await world.add_tenant()
            bot = sim.add_bot(TOKEN, username=f"bot{BOT}")
            await tenant.add_bot(BOT)
            person = sim.add_user(77, first_name="Ann", language_code="en")
            yield Shop(sim, world, tenant, pointed, bot, person)


def envelope(number: int) -> dict[str, Any]:
    """What every message of the person has."""
    person = {"id": 77, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    return {"message_id": number, "date": 1, "chat": {"id": 77, "type": "private"}, "from": person}


async def sent_texts(shop: Shop, count: int) -> list[str]:
    """What the bot sent, once it is so much."""

    async def enough() -> bool:
        return len(shop.sent()) >= count

    await until(enough, f"{count} sends")
    return [call["text"] for call in shop.sent()]
