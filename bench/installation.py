"""ReplyX for benchmarks of the engine: real Postgres (fsync on) and Valkey, real gateways and shards, echo bots.

The bots are put into the database directly; everything after that goes through the real entry points.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg

from bench.idle import cpu_seconds, processes
from bench.sink import FIRST_BOT
from domain.bots import service as bots
from domain.bots.service import Identity
from domain.kit.db import Database
from domain.kit.ids import uuid7
from domain.kit.sealing import create_key_file, load_keyring
from domain.kit.settings import Settings, load_settings
from ops.embedded import free_port
from tests.services import running_services

ROOT = Path(__file__).parent.parent
TENANTS = 20


@dataclass
class Sink:
    """Telegram's side, in its own process."""

    process: subprocess.Popen[bytes]
    port: int

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """One command, until it is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(orjson.dumps({"do": what, **more}) + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self.process.stdout.readline())
        return answer


@contextmanager
def running_sink(*tls: str) -> Iterator[Sink]:
    """`python -m bench.sink`."""
    with child("bench.sink", *tls, pipes=True) as process:
        assert process.stdout is not None
        yield Sink(process, int(process.stdout.readline()))


@contextmanager
def child(
    module: str, *arguments: str, pipes: bool = False, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of the product (or of the benchmark), ended at the end."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, env={**os.environ, **(env or {})})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Installation:
    """A database with bots, and the processes over it."""

    settings: Settings
    gateways: list[subprocess.Popen[bytes]] = field(default_factory=list)
    shards: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def ours(self) -> list[int]:
        """The process ids of gateways and shards."""
        return [process.pid for process in (*self.gateways, *self.shards)]

    def services(self) -> list[int]:
        """The process ids of Postgres and Valkey."""
        return [pid for pid in processes(os.getpid()) if _name(pid) in {"postgres", "valkey-server"}]

    def analyze(self) -> None:
        """What autovacuum does within a minute of the first rows: tell the planner how large the tables are."""
        with psycopg.connect(str(self.settings.database_url), autocommit=True) as conn:
            conn.execute("ANALYZE")

    def wait_for_gateway(self, seconds: float = 30) -> None:
        """Until it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.settings.port), timeout=1):
                return
            time.sleep(0.1)
        raise SystemExit(f"the gateway was not up after {seconds:g} s")

    def hooks(self, count: int) -> dict[str, Any]:
        """Where each bot's webhook is, and its secret."""
        keyring = load_keyring(self.settings.key_file)
        secrets = [bots.secrets_of(keyring, FIRST_BOT + number) for number in range(count)]
        return {
            "urls": [f"/telegram/{secret.path}" for secret in secrets],
            "secrets": [secret.header for secret in secrets],
            "port": self.settings.port,
        }


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@contextmanager
def installation(
    telegram_url: str,
    *,
    count: int,
    mode: str,
    gateways: int = 1,
    shards: int = 1,
    env: Mapping[str, str] | None = None,
) -> Iterator[Installation]:
    """Bots, and processes that are up; the sink is asked by the caller whether the bots receive."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replyx-bench-")))
        services = stack.enter_context(running_services(durable=True))
        services.migrate_template()
        port = free_port()
        settings = load_settings(
            database_url=stack.enter_context(services.cloned_database()),
            redis_url=services.valkey.url(),
            replyx_data_dir=folder,
            telegram_api_url=telegram_url,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            log_level="WARNING",
        )
        create_key_file(settings.key_file)
        asyncio.run(_add_bots(settings, count, mode))
        found = Installation(settings)
        fields = settings.model_dump().items()
        given = {name.upper(): str(value) for name, value in fields if value not in (None, "")} | dict(env or {})
        for number in range(gateways):
            found.gateways.append(
                stack.enter_context(child("gateway", env={**given, "REPLYX_INSTANCE": f"gateway-{number:02d}"}))
            )
        for number in range(shards):
            found.shards.append(
                stack.enter_context(child("shards", env={**given, "REPLYX_INSTANCE": f"shard-{number:02d}"}))
            )
        yield found


async def _add_bots(settings: Settings, count: int, mode: str) -> None:
    """Echo bots, shared out among tenants."""
    db = await Database.open(settings, app=4, name="bench")
    try:
        for number in range(TENANTS):
            await _add_tenant(db, settings, range(number, count, TENANTS), mode)
    finally:
        await db.close()


async def _add_tenant(db: Database, settings: Settings, numbers: Sequence[int], mode: str) -> UUID:
    tenant, assistant, keyring = uuid7(), uuid7(), load_keyring(settings.key_file)
    async with db.tenant_tx(tenant) as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'Bench')", tenant)
        await conn.execute(
            "INSERT INTO assistants (tenant_id, id, name, mode) VALUES ($1, $2, 'Echo', 'echo')", tenant, assistant
        )
        for number in numbers:
            bot_id = FIRST_BOT + number
            await bots.add(
                conn,
                keyring,
                tenant_id=tenant,
                assistant_id=assistant,
                token=f"{bot_id}:{'A' * 35}",
                me=Identity(bot_id, f"bot{bot_id}", "Bot"),
                mode=mode,  # type: ignore[arg-type]
            )
    return tenant


def cpu(pids: Sequence[int]) -> float:
    """CPU seconds used so far."""
    return sum(cpu_seconds(pid) for pid in pids)


def rss_mb(pid: int, *, peak: bool = False) -> float:
    """Resident memory, or the most it has been."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(wanted)) / 1024
