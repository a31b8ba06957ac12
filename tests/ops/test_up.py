"""The whole product under its real supervisord: `replyx up`, kills, restarts, Ctrl-C, and a second start."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from domain.kit.settings import load_settings
from ops.embedded import free_port
from ops.environment import running_host

BIN = Path(sys.executable).parent
OWNERS = """
SELECT DISTINCT coalesce(member.program, '') FROM slot_owners AS slot
LEFT JOIN shard_members AS member ON member.id = slot.member_id AND member.expires_at > clock_timestamp()
"""
pytestmark = pytest.mark.timeout(180)


class Product:
    """A `replyx up` in a data folder of its own, with two gateways and two shards."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.environment = {
            **os.environ,
            "REPLYX_DATA_DIR": str(data_dir),
            "REPLYX_GATEWAYS": "2",
            "REPLYX_SHARDS": "2",
            "PORT": str(self.port),
        }

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Start it, wait until it says so, and stop it with Ctrl-C."""
        with (self.data_dir.parent / "up.log").open("w+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "up"], env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                until(lambda: process.poll() is not None or "is running" in self.said(), seconds=90)
                assert process.poll() is None, self.said()
                yield process
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    assert process.wait(60) == 0, self.said()
            finally:
                process.kill()
                process.wait()

    def said(self) -> str:
        return (self.data_dir.parent / "up.log").read_text()

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

    def pid(self, program: str) -> int:
        found = re.search(rf"^{program} +RUNNING +pid (\d+)", self.control("status"), re.MULTILINE)
        return int(found[1]) if found else 0

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def database(self) -> psycopg.Connection:
        settings = load_settings(replyx_data_dir=self.data_dir)
        return psycopg.connect(running_host(settings).settings.owner_dsn)

    def owners(self) -> set[str]:
        """The programs that own slots under a live lease; a slot without such an owner counts as ''."""
        with self.database() as conn:
            return {str(program) for (program,) in conn.execute(OWNERS)}


@pytest.fixture
def product() -> Iterator[Product]:
    with TemporaryDirectory(prefix="replyx-test-", ignore_cleanup_errors=True) as name:
        yield Product(Path(name) / "var")


def until(check: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not true in {seconds} s: {check}"
        time.sleep(0.05)


def test_it_runs_heals_stops_and_starts_again(product: Product) -> None:
    product.data_dir.mkdir()
    with product.running():
        assert product.healthy()
        names = ["gateway:gateway-00", "gateway:gateway-01", "shard-00", "shard-01", "shard-supervisor"]
        until(lambda: all(product.pid(name) for name in names))
        pids = {name: product.pid(name) for name in [*names, "postgres", "valkey"]}
        until(lambda: product.owners() == {"shard-00", "shard-01"})

        second = subprocess.run(
            [sys.executable, "-m", "ops.cli", "up"],
            env=product.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 4
        assert second.stderr.startswith(f"replyx: ReplyX already runs from {product.data_dir}: see `supervisorctl -c ")

        for program in ("shard-00", "gateway:gateway-00", "shard-supervisor", "valkey", "postgres"):
            os.kill(pids[program], signal.SIGKILL)
            until(lambda program=program: product.pid(program) not in {0, pids[program]})  # type: ignore[misc]
            until(product.healthy)
        until(lambda: product.owners() == {"shard-00", "shard-01"}, seconds=60)

        assert product.control("restart", "shard-01") == "shard-01: stopped\nshard-01: started\n"
        until(lambda: product.owners() == {"shard-00", "shard-01"}, seconds=60)
        with product.database() as conn:
            conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert "ReplyX has stopped; nothing is lost." in product.said()
    with product.running():
        assert product.healthy()
        with product.database() as conn:
            assert conn.execute("SELECT number FROM kept").fetchone() == (7,)
        until(lambda: product.owners() == {"shard-00", "shard-01"})


def test_nothing_is_left_when_replyx_up_is_killed(product: Product) -> None:
    product.data_dir.mkdir()
    with product.running() as process:
        pids = [product.pid(name) for name in ("gateway:gateway-00", "shard-00", "postgres", "valkey")]
        process.kill()
        process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), seconds=60)
