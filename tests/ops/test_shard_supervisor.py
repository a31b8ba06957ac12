"""The shard-supervisor against a real supervisord, Postgres and Valkey; the shards are sleeping stand-ins."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from domain.bus import MembersChanged, Publisher, members_channel
from domain.bus.messages import decode
from domain.fleet import service as fleet
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.redis import connect
from domain.kit.settings import Settings
from ops.control import Supervisord
from ops.programs import main_config
from shards.supervisor.program_file import ProgramFile
from shards.supervisor.rpc import SupervisordClient
from shards.supervisor.watcher import Watcher
from tests.ops.waiting import until

HOST = "this-host"
PROGRAMS = ("shard-00", "shard-01")


@dataclass
class Stage:
    """A running supervisord, and a watcher that has started two shards."""

    supervisord: SupervisordClient
    watcher: Watcher
    db: Database

    async def pids(self) -> dict[str, int]:
        return {process.name: process.pid for process in await self.supervisord.processes() if process.pid}

    async def is_stopped(self, program: str) -> bool:
        return [process.state for process in await self.supervisord.processes() if process.name == program] == [
            "STOPPED"
        ]

    async def both_run(self) -> bool:
        return set(PROGRAMS) <= (await self.pids()).keys()

    async def join(self, program: str, pid: int, *, late: str = "0 s") -> None:
        async with self.db.worker_tx() as conn:
            await conn.execute(
                "INSERT INTO shard_members (id, program, host, pid, renewed_at, expires_at) "
                "VALUES ($1, $2, $3, $4, now() - $5::text::interval, now() + '1 minute')",
                f"{HOST}:{program}:{pid}",
                program,
                HOST,
                pid,
                late,
            )

    async def wish(self, shards: int, *, host: str = "") -> None:
        async with self.db.worker_tx() as conn:
            await fleet.scale(conn, shards, host=host)

    async def is_known(self, *programs: str) -> bool:
        await self.watcher.look()
        return {process.name for process in await self.supervisord.processes() if process.group != "gateway"} == {
            *programs,
            "shard-supervisor",
        }

    async def live(self) -> set[str]:
        async with self.db.worker_tx() as conn:
            rows = await conn.fetch("SELECT program FROM shard_members WHERE expires_at > clock_timestamp()")
        return {row["program"] for row in rows}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with TemporaryDirectory(prefix="replyx-test-") as name:
        yield Path(name)


@pytest.fixture
def supervisord(data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    config = main_config(data_dir)
    process = Supervisord(data_dir, config).start({"PORT": "1", "REPLYX_GATEWAYS": "1"})
    yield process
    process.kill()
    process.wait(20)


@pytest.fixture
async def stage(
    data_dir: Path, supervisord: "subprocess.Popen[bytes]", settings: Settings, db: Database
) -> AsyncIterator[Stage]:
    client = SupervisordClient(data_dir / "supervisor.sock")
    redis = connect(settings.redis_dsn)

    async def own_database() -> Database:
        return await Database.open(settings, worker=1)

    watcher = Watcher(
        include=data_dir / "supervisor",
        host=HOST,
        shards=len(PROGRAMS),
        program=lambda name: ProgramFile(
            name, ["setpriv", "--pdeathsig", "TERM", "sleep", "600"], Path("/"), data_dir / "logs", priority=50
        ),
        supervisord=client,
        publisher=Publisher(redis),
        open_database=own_database,
        clock=SystemClock(),
    )
    stage = Stage(client, watcher, db)
    await watcher.look()
    await until(stage.both_run)
    await watcher.look()
    yield stage
    await watcher.close()
    await client.close()
    await redis.aclose()


async def test_a_killed_shard_is_expired_and_announced(stage: Stage, settings: Settings) -> None:
    pids = await stage.pids()
    for program in PROGRAMS:
        await stage.join(program, pids[program])
    listener = connect(settings.redis_dsn, timeout=None)
    pubsub = listener.pubsub()
    await pubsub.ssubscribe(members_channel())
    running = asyncio.create_task(stage.watcher.run())
    os.kill(pids["shard-00"], signal.SIGKILL)
    async with asyncio.timeout(10):
        while (message := await pubsub.get_message(timeout=10)) is None or message["type"] != "smessage":
            pass
    assert decode(message["data"]) == MembersChanged(f"{HOST}:shard-00:{pids['shard-00']}", "died")
    assert await stage.live() == {"shard-01"}
    await until(stage.both_run)
    assert (await stage.pids())["shard-00"] != pids["shard-00"]
    running.cancel()
    await asyncio.wait([running])
    await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py
    await listener.aclose()


async def test_members_of_others_are_left_alone(stage: Stage) -> None:
    await stage.join("shard-00", 999_999_999)  # another container with our host name: we never saw that process
    await stage.watcher.look()
    assert await stage.live() == {"shard-00"}


async def test_a_stalled_shard_is_killed_and_started_again(stage: Stage) -> None:
    pid = (await stage.pids())["shard-01"]
    os.kill(pid, signal.SIGSTOP)
    await stage.join("shard-01", pid, late="11 s")
    for _ in range(2):
        await stage.watcher.look()
        assert (await stage.pids())["shard-01"] == pid
    await stage.watcher.look()

    async def replaced() -> bool:
        return (await stage.pids()).get("shard-01", pid) != pid

    await until(replaced)


async def test_a_shard_that_ops_stopped_stays_stopped(stage: Stage) -> None:
    await stage.supervisord.stop("shard-00")
    await until(lambda: stage.is_stopped("shard-00"))
    await stage.watcher.look()
    assert (await stage.pids()).keys() == {"shard-01"}


async def test_shards_come_and_go_with_the_wish(stage: Stage, data_dir: Path) -> None:
    kept = await stage.pids()

    async def is_so(*programs: str) -> bool:
        await stage.watcher.look()
        return (await stage.pids()).keys() == set(programs)

    await stage.wish(4)
    await until(lambda: is_so("shard-00", "shard-01", "shard-02", "shard-03"))
    await stage.wish(3, host="another-host")
    await stage.wish(1, host=HOST)
    await until(lambda: is_so("shard-00"))
    await until(lambda: stage.is_known("shard-00"))
    assert [file.name for file in (data_dir / "supervisor").glob("*.conf")] == ["shard-00.conf"]
    assert (await stage.pids())["shard-00"] == kept["shard-00"]  # nobody else was touched


async def test_a_shard_that_supervisord_gave_up_is_started_again(stage: Stage, data_dir: Path) -> None:
    marker = data_dir / "may-run"
    command = ["setpriv", "--pdeathsig", "TERM", "sh", "-c", f"test -e {marker} && exec sleep 600"]
    file = ProgramFile("shard-02", command, Path("/"), data_dir / "logs", priority=50)
    file.write(data_dir / "supervisor")
    conf = data_dir / "supervisor" / "shard-02.conf"
    conf.write_text(conf.read_text().replace("startretries=100000", "startretries=0"))
    await stage.supervisord.add("shard-02")
    await stage.wish(3)

    async def given_up() -> bool:
        return {process.name: process.state for process in await stage.supervisord.processes()}["shard-02"] == "FATAL"

    async def runs() -> bool:
        await stage.watcher.look()
        return "shard-02" in await stage.pids()

    await until(given_up)
    marker.touch()
    await until(runs)


async def test_stalled_shards_are_killed_one_at_a_time(stage: Stage) -> None:
    pids = await stage.pids()
    for program in PROGRAMS:
        os.kill(pids[program], signal.SIGSTOP)
        await stage.join(program, pids[program], late="7 s")
    for _ in range(5):
        await stage.watcher.look()

    async def one_is_replaced() -> bool:
        return len((await stage.pids()).items() - pids.items()) == 1

    await until(one_is_replaced)
    await stage.watcher.look()
    assert len((await stage.pids()).items() & pids.items()) == 1


async def test_nothing_outlives_a_killed_supervisord(stage: Stage, supervisord: "subprocess.Popen[bytes]") -> None:
    pids = await stage.pids()
    supervisord.kill()
    supervisord.wait()

    async def gone() -> bool:
        return not any(_runs(pid) for pid in pids.values())

    await until(gone)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
