"""The whole product under its real supervisord: `replyx up`, kills, restarts, Ctrl-C, and a second start."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.product import Product, until

pytestmark = pytest.mark.timeout(240)

# The logins of Postgres that the environment of a process names; nobody has the owner's.
LOGINS = {"gateway:gateway": {"replyx_app"}, "shard": {"replyx_app", "replyx_worker"}}


@pytest.fixture
def product() -> Iterator[Product]:
    with TemporaryDirectory(prefix="replyx-test-", ignore_cleanup_errors=True) as name:
        yield Product(Path(name) / "var")


def test_it_runs_heals_stops_and_starts_again(product: Product) -> None:
    with product.running():
        assert product.healthy()
        names = ["gateway:gateway-00", "gateway:gateway-01", "shard-00", "shard-01", "shard-supervisor"]
        until(lambda: all(product.pid(name) for name in names))
        pids = {name: product.pid(name) for name in [*names, "postgres", "valkey"]}
        for name in (*pids, "embeddings-query", "embeddings-ingest"):
            assert product.logins(name) == LOGINS.get(name.partition("-")[0], set()), name
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
        until(lambda: product.owners() == {"shard-00", "shard-01"})

        assert product.control("restart", "shard-01") == "shard-01: stopped\nshard-01: started\n"
        until(lambda: product.owners() == {"shard-00", "shard-01"})
        three = {"shard-00", "shard-01", "shard-02"}
        assert _replyx(product, "shards", "scale", "3").startswith("  scaling ")
        assert product.owners() == three
        before = product.pids()
        assert _replyx(product, "shards", "roll").endswith("3 shard(s) restarted.\n")
        after = product.pids()
        assert {name for name in before if before[name] != after.get(name)} == three
        assert product.owners() == three

        with product.database() as conn:
            conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
        for pid in (_parent(after["shard-00"]), *after.values()):  # as if the power went, but for `replyx up`
            os.kill(pid, signal.SIGKILL)
        until(lambda: "starting again" in product.said())
        until(lambda: product.said().count("ReplyX is running") == 2)
        until(lambda: product.owners() == three)
    assert "ReplyX has stopped; nothing is lost." in product.said()
    with product.running():
        assert product.healthy()
        with product.database() as conn:
            assert conn.execute("SELECT number FROM kept").fetchone() == (7,)
        until(lambda: product.owners() == three)  # the wish outlives everything


def test_nothing_is_left_when_replyx_up_is_killed(product: Product) -> None:
    with product.running() as process:
        pids = [product.pid(name) for name in ("gateway:gateway-00", "shard-00", "postgres", "valkey")]
        process.kill()
        process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def _replyx(product: Product, *arguments: str) -> str:
    """What a command prints; fails with what it complains of."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env=product.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
