"""`replyx up` as a process, and what an operator of the host can do with it."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis

from domain.kit.settings import load_settings
from domain.kit.slots import slot_of
from ops.control import Supervisord
from ops.embedded import free_port
from ops.environment import Host, running_host

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OWNERS = """
SELECT DISTINCT coalesce(member.program, '') FROM slot_owners AS slot
LEFT JOIN shard_members AS member ON member.id = slot.member_id AND member.expires_at > clock_timestamp()
"""
OWNER = """
SELECT member.program FROM slot_owners AS slot
JOIN shard_members AS member ON member.id = slot.member_id AND member.expires_at > clock_timestamp()
WHERE slot.slot = %s
"""


def until(check: Callable[[], bool], *, seconds: float = 90) -> None:
    """Return as soon as `check` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not true in {seconds} s: {check}"
        time.sleep(0.05)


class Product:
    """A `replyx up` in a data folder of its own; two gateways and two shards unless told otherwise."""

    def __init__(self, data_dir: Path, *arguments: str, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = arguments
        self.environment = {
            **os.environ,
            "REPLYX_DATA_DIR": str(data_dir),
            "REPLYX_GATEWAYS": "2",
            "REPLYX_SHARDS": "2",
            "PORT": str(self.port),
            **settings,
        }

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "ops.cli", "up", *self.arguments]

    @contextmanager
    def running(self, *, seconds: float = 150) -> Iterator["subprocess.Popen[bytes]"]:
        """Start it, wait until it says so, and stop it with Ctrl-C."""
        self.data_dir.mkdir(exist_ok=True)
        with (self.data_dir.parent / "up.log").open("w+") as log:
            process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                until(lambda: process.poll() is not None or "is running" in self.said(), seconds=seconds)
                assert process.poll() is None, self.said()
                yield process
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    assert process.wait(60) == 0, self.said()
            finally:
                process.kill()
                process.wait()

    def said(self) -> str:
        """Everything it has printed."""
        return (self.data_dir.parent / "up.log").read_text()

    def address(self, title: str) -> str:
        """One of the addresses it prints when it is up, on 127.0.0.1."""
        found = re.search(rf"^  {title} +(\S+)$", self.said(), re.MULTILINE)
        assert found, self.said()
        return found[1].rstrip("/").replace("//localhost", "//127.0.0.1")

    def control(self, *arguments: str) -> str:
        """What supervisorctl prints, from another directory and without any setting."""
        done = subprocess.run(
            [BIN / "supervisorctl", "-c", self.data_dir / "supervisor.conf", *arguments],
            cwd="/",
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def logins(self, program: str) -> set[str]:
        """The logins of Postgres that the environment of a running program names."""
        environment = Path(f"/proc/{self.pid(program)}/environ").read_text()
        return set(re.findall(r"postgres(?:ql)?://([^:@/]*)", environment))

    def pid(self, program: str) -> int:
        """The pid of a program by supervisord's name; 0 while it does not run, or has run for less than a second."""
        return self._pids(young=False).get(program.rpartition(":")[2], 0)

    def pids(self) -> dict[str, int]:
        """Every program that has a process, and its pid."""
        return self._pids(young=True)

    def _pids(self, *, young: bool) -> dict[str, int]:
        try:
            return Supervisord(self.data_dir, self.data_dir / "supervisor.conf").pids(young=young)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return {}  # it starts, or has died

    def kill(self, program: str) -> int:
        """`kill -9`; returns the dead pid."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGKILL)
        return pid

    def healthy(self) -> bool:
        """Whether /health says 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def whole(self) -> bool:
        """Whether it is healthy, both gateways run and both shards own slots."""
        names = {"gateway-00", "gateway-01", "shard-00", "shard-01"}
        return names <= self.pids().keys() and self.healthy() and self.owners() == {"shard-00", "shard-01"}

    @property
    def host(self) -> Host:
        """Its addresses, as the other commands find them."""
        return running_host(load_settings(replyx_data_dir=self.data_dir, port=self.port))

    def database(self) -> psycopg.Connection:
        """As the owner of the schema: row-level security applies to tenants' tables."""
        return psycopg.connect(self.host.settings.owner_dsn)

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What a query finds, past row-level security: for looking behind the public interfaces."""
        postgres = self.host.postgres
        assert postgres is not None
        with psycopg.connect(postgres.superuser_dsn("replyx")) as conn:
            return conn.execute(query.encode(), arguments).fetchall()

    def flush_redis(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self.host.settings.redis_dsn) as client:
            client.flushall()

    def owners(self) -> set[str]:
        """The programs that own slots under a live lease; a slot without such an owner counts as ''."""
        with self.database() as conn:
            return {str(program) for (program,) in conn.execute(OWNERS)}

    def owner_of(self, dialog_id: str) -> str:
        """The shard that answers a dialog of the web."""
        with self.database() as conn:
            found = conn.execute(OWNER, (slot_of(UUID(dialog_id)),)).fetchone()
        return str(found[0]) if found else ""

    def gateway_behind(self, client_port: int) -> int:
        """The pid of the gateway that holds the connection which a client here has at this port."""
        wanted = (f":{self.port:04X}", f":{client_port:04X}")
        for name, pid in self.pids().items():
            if not name.startswith("gateway-"):
                continue
            fields = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
            inodes = {line[9] for line in fields if (line[1][8:], line[2][8:]) == wanted}
            open_files = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
            if any(f"socket:[{inode}]" in open_files for inode in inodes):
                return pid
        raise LookupError(f"no gateway is connected with port {client_port}")
