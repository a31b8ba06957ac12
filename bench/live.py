"""A product under supervisord with many bots, and a crowd that writes to them: for the benchmarks that kill things."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from domain.kit.db import AWAY, Database
from domain.kit.slots import SLOTS
from ops.embedded import free_port
from simulators.telegram import RunningSimulator, running_simulator
from tests.chaos.stack import OWNERS, Tenancy
from tests.product import Product
from tests.product.host import ROOT
from tests.shards.world import open_world

FIRST_BOT = 7_100_000_001
IMPORT = ["-m", "ops.cli", "bots", "import"]


@dataclass
class Live:
    """It runs. `tenants` is one tenant with all bots."""

    product: Product
    telegram: RunningSimulator
    tenants: list[Tenancy] = field(default_factory=list)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What a query finds, past row-level security."""
        postgres = self.product.host.postgres
        assert postgres is not None
        conn = await asyncpg.connect(postgres.superuser_dsn("replyx"), timeout=5)
        try:
            return list(await conn.fetch(query, *arguments))
        finally:
            await conn.close()

    async def add_bots(self, count: int, *, mode: str) -> None:
        """A tenant with an echo assistant; its bots come from a file, through the command."""
        settings = self.product.host.settings
        db = await Database.open(settings, app=2, worker=2, name="bench")
        try:
            async with open_world(db, settings) as world:
                tenant = await world.add_tenant()
        finally:
            await db.close()
        bots = [self.telegram.add_bot(f"{FIRST_BOT + number}:{'A' * 35}") for number in range(count)]
        file = self.product.data_dir / "tokens.txt"
        file.write_text("".join(f"{bot.token}\n" for bot in bots))
        done = await asyncio.create_subprocess_exec(
            sys.executable, *IMPORT, str(file), "--assistant", str(tenant.assistant_id), "--mode", mode,
            cwd=ROOT, env={**os.environ, **self.product.environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await done.communicate()
        if done.returncode != 0:
            raise SystemExit(f"the bots were not connected: {said.decode()[-500:]}")
        self.tenants.append(Tenancy(tenant.id, bots, False))

    async def listening(self, seconds: float = 300) -> None:
        """Wait until every bot has its webhook or is polled."""
        async with asyncio.timeout(seconds):
            while True:
                polled = {call.bot_id for call in self.telegram.calls("getUpdates")}
                if all(bot.webhook or bot.id in polled for tenant in self.tenants for bot in tenant.bots):
                    return
                await asyncio.sleep(0.2)

    async def shared(self, shards: int, seconds: float = 90) -> None:
        """Wait until so many shards hold all slots, each a fair part."""
        async with asyncio.timeout(seconds):
            while True:
                if await self._is_shared(shards):
                    return
                await asyncio.sleep(0.05)

    async def _is_shared(self, shards: int) -> bool:
        try:
            owners = {row["program"]: row["slots"] for row in await self.rows(OWNERS)}
        except (*AWAY, asyncpg.PostgresError):
            return False
        fair = SLOTS / shards / 2
        return len(owners) == shards and "" not in owners and min(owners.values()) > fair

    async def control(self, *arguments: str) -> str:
        """supervisorctl."""
        return await asyncio.to_thread(self.product.control, *arguments)

    async def pid(self, program: str) -> int:
        """The pid of a program; 0 while it does not run."""
        return await asyncio.to_thread(self.product.pid, program)


@asynccontextmanager
async def running_live(folder: Path, *, shards: int, **settings: str) -> AsyncIterator[Live]:
    """`replyx up` and a Telegram. The product starts while nothing else runs here: it has no bots to call yet."""
    port = free_port()
    given = {"TELEGRAM_API_URL": f"http://127.0.0.1:{port}", "REPLYX_SHARDS": str(shards), **settings}
    product = Product(folder / "var", **given)
    async with running_simulator(port=port) as telegram:
        with product.running():
            yield Live(product, telegram)
