"""A whole product of real processes: Postgres, Valkey, two shards, two gateways, lines between them, and Telegram.

The Telegram simulator and the lines live in this process; each shard has a line of its own to Postgres, so that it can
be cut off alone.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from domain.bus import MembersChanged, Publisher, members_channel
from domain.kit.db import AWAY, Database
from domain.kit.redis import connect
from domain.kit.settings import Settings, load_settings
from domain.kit.slots import SLOTS, slot_of_bot
from domain.kit.tasks import Tasks
from ops.embedded import EmbeddedPostgres, EmbeddedValkey, current_account, free_port
from simulators.telegram import RunningSimulator, running_simulator
from simulators.telegram.model import Bot
from tests.chaos.line import Line, open_line
from tests.chaos.programs import Keeper, Program, Server, deadline
from tests.services import Services
from tests.shards.world import open_world

DIED = """
UPDATE shard_members SET expires_at = clock_timestamp()
WHERE pid = $1 AND expires_at > clock_timestamp() RETURNING id
"""
OWNERS = """
SELECT coalesce(m.program, '') AS program, coalesce(max(m.pid), 0) AS pid, count(*) AS slots FROM slot_owners s
LEFT JOIN shard_members m ON m.id = s.member_id AND m.expires_at > clock_timestamp() GROUP BY m.id, m.program
"""
SLOTS_OF = """
SELECT s.slot FROM slot_owners s JOIN shard_members m ON m.id = s.member_id
WHERE m.program = $1 AND m.expires_at > clock_timestamp()
"""


@dataclass
class Servers:
    """The Postgres and the Valkey of all runs; they sync to disk, because they are killed."""

    services: Services
    postgres: Server
    valkey: Server

    def launch(self) -> None:
        """Start what does not run."""
        self.postgres.launch()
        self.valkey.launch()

    def wait_ready(self) -> None:
        """Wait until both answer."""
        self.postgres.wait_ready()
        self.valkey.wait_ready()

    async def start(self) -> None:
        """Both."""
        self.launch()
        await asyncio.to_thread(self.wait_ready)


@contextmanager
def running_servers() -> Iterator[Servers]:
    """In a folder of their own, with a migrated template."""
    folder = Path(tempfile.mkdtemp(prefix="replyx-chaos-"))
    account = current_account()
    services = Services(
        EmbeddedPostgres(folder / "postgres", free_port(), account),
        EmbeddedValkey(folder / "valkey", free_port(), account, durable=False),
    )
    servers = Servers(services, Server(services.postgres), Server(services.valkey))
    try:
        servers.launch()
        servers.wait_ready()
        services.postgres.bootstrap()
        services.migrate_template()
        yield servers
    finally:
        servers.postgres.kill()
        servers.valkey.kill()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Tenancy:
    """A tenant and its bots in the simulator. `holds`: a send of unknown outcome is not repeated."""

    id: UUID
    bots: list[Bot]
    holds: bool


@dataclass(frozen=True)
class Shape:
    """How much there is. Every tenant's first bot has a webhook, its second one polls, and so on."""

    tenants: int = 20
    bots: int = 2
    shards: int = 2
    gateways: int = 2


@dataclass
class Stack:
    """The running product."""

    servers: Servers
    dsn: str
    settings: Settings
    telegram: RunningSimulator
    lines: dict[str, Line]
    shards: list[Program]
    gateways: list[Program]
    environments: dict[str, dict[str, str]]
    folder: Path
    tenants: list[Tenancy] = field(default_factory=list)
    keeper: Keeper | None = None

    @property
    def programs(self) -> list[Program]:
        """All processes."""
        return [*self.shards, *self.gateways]

    @property
    def keeping(self) -> Keeper:
        """What restarts the dead."""
        assert self.keeper is not None
        return self.keeper

    @property
    def owner(self) -> dict[str, str]:
        """The environment of a command that acts as the owner of the schema."""
        return {**os.environ, "DATABASE_URL": str(self.settings.database_url)}

    async def answering(self, program: Program) -> None:
        """Wait until a program that was started does its work."""
        if program in self.shards:
            await self.shared()
            return

        async def serves() -> bool:
            return program.has_said("gateway.started")

        await self._until(serves, f"{program.name} does not start", 20)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What a query finds, past row-level security and past every line."""
        conn = await asyncpg.connect(self.dsn, timeout=5)
        try:
            return list(await conn.fetch(query, *arguments))
        finally:
            await conn.close()

    async def died(self, pid: int) -> bool:
        """Expire the member of a dead process and ring, as the shard-supervisor does."""
        try:
            members = await self.rows(DIED, pid)
        except (*AWAY, asyncpg.PostgresError):
            return False
        redis = connect(self.servers.services.valkey.url())
        try:
            await Publisher(redis).publish((members_channel(), MembersChanged(row["id"], "died")) for row in members)
        finally:
            await redis.aclose()
        return True

    async def owners(self) -> dict[str, int]:
        """Program -> slots held under a live lease."""
        found: Counter[str] = Counter()
        for row in await self.rows(OWNERS):
            found[row["program"]] += row["slots"]
        return dict(found)

    async def bots_of(self, program: str, *, webhook: bool) -> list[Bot]:
        """The bots that this shard owns, of tenants who want what is uncertain to be sent again."""
        slots = {row["slot"] for row in await self.rows(SLOTS_OF, program)}
        tenants = [tenant for tenant in self.tenants if not tenant.holds]
        return [
            bot
            for tenant in tenants
            for bot in tenant.bots
            if slot_of_bot(bot.id) in slots and bool(bot.webhook) == webhook
        ]

    async def shared(self, seconds: float = 30) -> None:
        """Wait until the running shards hold all slots between them, each a fair part."""
        await self._until(self._is_shared, "the shards do not share the slots", seconds)

    async def _is_shared(self) -> bool:
        # by their pids: a dead shard is an owner until its lease ends
        running = {(shard.name, shard.pid) for shard in self.shards if shard.alive or shard.kept}
        owners = {(row["program"], row["pid"]): row["slots"] for row in await self.rows(OWNERS)}
        fair = SLOTS / len(running) / 2
        return owners.keys() == running and sum(owners.values()) == SLOTS and min(owners.values()) > fair

    async def listening(self, seconds: float = 30) -> None:
        """Wait until every bot has its webhook or is polled."""

        async def all_do() -> bool:
            polled = {call.bot_id for call in self.telegram.calls("getUpdates")}
            return all(bot.webhook or bot.id in polled for tenant in self.tenants for bot in tenant.bots)

        await self._until(all_do, "the bots do not listen", seconds)

    async def heal(self, seconds: float = 60) -> None:
        """Undo every fault: servers and programs run, lines carry, Telegram is kind."""
        await self.servers.start()
        for line in self.lines.values():
            await line.mend()
        self.telegram.core.faults.clear()
        self.keeping.announces = self.keeping.restarts = True
        for program in self.programs:
            program.kill(18)  # SIGCONT
            program.kept = True  # the keeper starts it, once it has told of its death
        await self.shared(seconds)
        for gateway in self.gateways:
            await self.answering(gateway)

    async def _until(self, check: Callable[[], Any], what: str, seconds: float) -> None:
        try:
            async with deadline(what, seconds):
                while True:
                    try:
                        if await check():
                            return
                    except (*AWAY, asyncpg.PostgresError):
                        pass  # the database is not there yet
                    await asyncio.sleep(0.05)
        except AssertionError as error:
            ends = "\n".join(f"{program.name}: {program.tail()}" for program in self.programs)
            raise AssertionError(f"{error}\n{ends}") from error


def _through(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    assert parts.port is not None
    return dsn.replace(f":{parts.port}/", f":{port}/")


async def populate(stack: Stack, shape: Shape) -> None:
    """Tenants with an echo assistant each and their bots; every fifth tenant holds what is uncertain."""
    db = await Database.open(stack.settings, app=2, worker=2, name="chaos")
    try:
        async with open_world(db, stack.settings) as world:
            for number in range(shape.tenants):
                tenant = await world.add_tenant()
                holds = number % 5 == 4
                if holds:
                    await stack.rows("UPDATE tenants SET uncertain_policy = 'hold' WHERE id = $1", tenant.id)
                bots = []
                for index in range(shape.bots):
                    bot_id = 7_000_000_000 + number * 100 + index
                    bots.append(stack.telegram.add_bot(f"{bot_id}:{'A' * 35}"))
                    await tenant.add_bot(bot_id, mode="polling" if index % 2 else "webhook")
                stack.tenants.append(Tenancy(tenant.id, bots, holds))
    finally:
        await db.close()


def _environments(settings: Settings, lines: dict[str, Line], port: int) -> dict[str, dict[str, str]]:
    """The environment of each program, everything through its lines."""
    shared = {
        "REPLYX_DATA_DIR": str(settings.replyx_data_dir),
        "DATABASE_URL": "",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "TELEGRAM_API_URL": f"http://127.0.0.1:{lines['telegram'].port}",
        "LOG_LEVEL": "INFO",
    }
    found = {}
    for name, line in lines.items():
        if name == "gateway" or name.startswith("shard-"):
            redis = lines["gateway-redis" if name == "gateway" else "shard-redis"]
            found[name] = shared | {
                "DATABASE_APP_URL": _through(settings.app_dsn, line.port),
                "DATABASE_WORKER_URL": _through(settings.worker_dsn, line.port) if name != "gateway" else "",
                "REDIS_URL": _through(settings.redis_dsn, redis.port),
            }
    return found


@asynccontextmanager
async def running_stack(servers: Servers, shape: Shape, folder: Path) -> AsyncIterator[Stack]:
    """Start everything over a database of its own, and wait until it works."""
    services = servers.services
    async with AsyncExitStack() as exits:
        owner_dsn = exits.enter_context(services.cloned_database())
        services.flush()
        data = folder / "var"
        data.mkdir(parents=True, exist_ok=True)
        settings = load_settings(database_url=owner_dsn, redis_url=services.valkey.url(), replyx_data_dir=data)
        telegram = await exits.enter_async_context(running_simulator())
        names = [f"shard-{number:02d}" for number in range(shape.shards)]
        targets = dict.fromkeys([*names, "gateway"], services.postgres.port)
        targets |= dict.fromkeys(["shard-redis", "gateway-redis"], services.valkey.port)
        targets["telegram"] = urlsplit(telegram.url).port or 0
        lines = {name: await exits.enter_async_context(open_line(port)) for name, port in targets.items()}
        sock = exits.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        environments = _environments(settings, lines, sock.getsockname()[1])
        stack = Stack(
            servers,
            services.postgres.superuser_dsn(urlsplit(owner_dsn).path[1:]),
            settings,
            telegram,
            lines,
            [Program(name, "shards", environments[name], folder) for name in names],
            [
                Program(f"gateway-{number:02d}", "gateway", environments["gateway"], folder, stdin=sock.fileno())
                for number in range(shape.gateways)
            ],
            environments,
            folder,
        )
        await populate(stack, shape)
        await exits.enter_async_context(_kept(stack))
        await stack.shared()
        await stack.listening()
        yield stack


@asynccontextmanager
async def _kept(stack: Stack) -> AsyncIterator[None]:
    tasks = Tasks("chaos")
    stack.keeper = Keeper(lambda: stack.programs, stack.died)
    for program in stack.programs:
        program.start()
    tasks.eternal("keeper", stack.keeper.run())
    try:
        yield
    finally:
        await tasks.stop()
        for program in stack.programs:
            program.kill()
        for program in stack.programs:
            await program.ended(10)
