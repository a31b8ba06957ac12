"""The whole product in processes of its own: `replyx up` under a real supervisord, with kills and browsers."""

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

import psycopg

from domain.kit.settings import load_settings
from ops.embedded import free_port
from ops.environment import running_host

BIN = Path(sys.executable).parent
OWNERS = """
SELECT DISTINCT coalesce(member.program, '') FROM slot_owners AS slot
LEFT JOIN shard_members AS member ON member.id = slot.member_id AND member.expires_at > clock_timestamp()
"""


class Product:
    """A `replyx up` in a data folder of its own, with two gateways and two shards.

    `arguments` are those of `up` (such as --demo); `variables` are settings beside the usual ones.
    """

    def __init__(self, data_dir: Path, *arguments: str, **variables: str) -> None:
        data_dir.mkdir(exist_ok=True)
        self.data_dir = data_dir
        self.arguments = arguments
        self.port = free_port()
        self.environment = {
            **os.environ,
            "REPLYX_DATA_DIR": str(data_dir),
            "REPLYX_GATEWAYS": "2",
            "REPLYX_SHARDS": "2",
            "PORT": str(self.port),
            **variables,
        }

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Start it, wait until it says so, and stop it with Ctrl-C."""
        with (self.data_dir.parent / "up.log").open("w+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "up", *self.arguments],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                until(lambda: process.poll() is not None or "is running" in self.said(), seconds=150)
                assert process.poll() is None, self.said()
                yield process
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    assert process.wait(60) == 0, self.said()
            finally:
                process.kill()
                process.wait()

    def said(self) -> str:
        """Everything it printed."""
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
        """The process id of a running program by its full name (`gateway:gateway-00`); 0 when it does not run."""
        found = re.search(rf"^{program} +RUNNING +pid (\d+)", self.control("status"), re.MULTILINE)
        return int(found[1]) if found else 0

    def healthy(self) -> bool:
        """Whether /health answers 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def database(self) -> psycopg.Connection:
        """A connection of the owner."""
        settings = load_settings(replyx_data_dir=self.data_dir)
        return psycopg.connect(running_host(settings).settings.owner_dsn)

    def owners(self) -> set[str]:
        """The programs that own slots under a live lease; a slot without such an owner counts as ''."""
        with self.database() as conn:
            return {str(program) for (program,) in conn.execute(OWNERS)}


def until(check: Callable[[], bool], *, seconds: float = 30) -> None:
    """Return as soon as `check` is true; fail the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not true in {seconds} s: {check}"
        time.sleep(0.05)
