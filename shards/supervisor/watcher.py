"""What the shard-supervisor does each second, and at once when a shard dies."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.bus import MembersChanged, Publisher, members_channel
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from shards.supervisor import queries
from shards.supervisor.deaths import Deaths
from shards.supervisor.program_file import ProgramFile
from shards.supervisor.queries import Member
from shards.supervisor.rpc import SupervisordClient, SupervisordError
from shards.supervisor.verdicts import Record

log = logger(__name__)

POLL_SECONDS = 1.0
STOP_WAIT = 25  # seconds until supervisord kills: above shards.worker.SHUTDOWN_SECONDS (a test compares)


class Watcher:
    """Keeps the programs of the shards in supervisord, and their members in Postgres honest.

    include  the folder whose *.conf files supervisord reads        host  as the members of this host write it
    """

    def __init__(
        self,
        *,
        include: Path,
        host: str,
        programs: list[ProgramFile],
        supervisord: SupervisordClient,
        publisher: Publisher,
        open_database: Callable[[], Awaitable[Database]],
    ) -> None:
        self._include = include
        self._host = host
        self._programs = {program.name: program for program in programs}
        self._supervisord = supervisord
        self._publisher = publisher
        self._open_database = open_database
        self._database: Database | None = None
        self._record = Record()
        self._wake = asyncio.Event()
        self._deaths = Deaths(self._died)
        self._complaint = ""

    async def run(self) -> None:
        """Look every second, or as soon as a shard dies; for ever."""
        while True:
            try:
                await self.look()
                self._complain("")
            except (SupervisordError, Unavailable) as error:
                self._complain(str(error))
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def close(self) -> None:
        """Stop watching; the shards stay as they are."""
        self._deaths.close()
        if self._database is not None:
            await self._database.close()

    async def look(self) -> None:
        """One look: missing shards are added, dead members expired, stalled shards killed.

        Raises SupervisordError or Unavailable; what could be done without the one that is away is done then.
        """
        # supervisord before Postgres: shards are started and restarted while the database is away.
        processes = await self._supervisord.processes()
        known = {process.name for process in processes}
        for name, program in self._programs.items():
            if name not in known:
                await self._add(program)
        self._record.note_processes(processes, self._programs)
        self._deaths.watch(pid for _, pid in self._record.running)
        await self._judge()

    async def _judge(self) -> None:
        members = await self._fetch()
        await self._expire(self._record.dead(members))
        for member in self._record.stalled(members):
            log.warning("shard.stalled", program=member.program, pid=member.pid, seconds=round(member.age, 1))
            await self._supervisord.kill(member.program)
        self._record.forget(members)

    async def _add(self, program: ProgramFile) -> None:
        """Make it a program of supervisord. One that ops have stopped is known there, and stays stopped."""
        program.write(self._include)
        await self._supervisord.add(program.name)
        log.info("shard.added", program=program.name)

    async def _expire(self, dead: list[Member]) -> None:
        if not dead:
            return
        database = await self._opened()
        async with database.worker_tx() as conn:
            expired = await queries.expire_members(conn, ids=[member.id for member in dead])
        await self._publisher.publish((members_channel(), MembersChanged(member, "died")) for member in expired)
        for member in expired:
            log.warning("shard.died", member=member)

    async def _fetch(self) -> list[Member]:
        database = await self._opened()
        async with database.worker_tx() as conn:
            return await queries.fetch_members(conn, host=self._host)

    async def _opened(self) -> Database:
        if self._database is None:
            self._database = await self._open_database()
        return self._database

    def _died(self, pid: int) -> None:
        self._record.note_death(pid)
        self._wake.set()

    def _complain(self, problem: str) -> None:
        """Log a problem when it starts and when it ends, not every second."""
        if problem and not self._complaint:
            log.warning("supervisor.blind", problem=problem)
        elif self._complaint and not problem:
            log.info("supervisor.sees_again")
        self._complaint = problem


def shard_program(program: str, *, data_dir: Path) -> ProgramFile:
    """The program of one shard. It dies with supervisord, and has longer than its drain to stop."""
    return ProgramFile(
        program,
        ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "shards"],
        Path.cwd(),
        data_dir / "logs",
        priority=50,
        stop_wait=STOP_WAIT,
        environment={"REPLYX_INSTANCE": program},
    )
