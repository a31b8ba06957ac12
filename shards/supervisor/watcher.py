"""What the shard-supervisor does each second, and at once when a shard dies."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.bus import MembersChanged, Publisher, members_channel
from domain.fleet import service as fleet
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from shards.supervisor import queries
from shards.supervisor.deaths import Deaths
from shards.supervisor.program_file import ProgramFile
from shards.supervisor.programs import Revivals, actions, ours, shard_names
from shards.supervisor.queries import Member
from shards.supervisor.rpc import ProcessInfo, SupervisordClient, SupervisordError
from shards.supervisor.verdicts import Record

log = logger(__name__)

POLL_SECONDS = 1.0
ANSWER_WITHIN = 3.0  # seconds; a Postgres that takes longer is as good as away
SLOW = 1.0  # seconds; a Postgres that takes longer may be what makes the shards late


class Watcher:
    """Keeps the programs of the shards in supervisord, and their members in Postgres honest.

    include  the folder whose *.conf files supervisord reads        host  as the members of this host write it
    shards   how many shards there are while nobody has scaled      program  makes the program of a shard
    """

    def __init__(
        self,
        *,
        include: Path,
        host: str,
        shards: int,
        program: Callable[[str], ProgramFile],
        supervisord: SupervisordClient,
        publisher: Publisher,
        open_database: Callable[[], Awaitable[Database]],
        clock: Clock,
    ) -> None:
        self._include = include
        self._host = host
        self._default = shards
        self._wanted: int | None = None
        self._program = program
        self._supervisord = supervisord
        self._publisher = publisher
        self._open_database = open_database
        self._clock = clock
        self._database: Database | None = None
        self._record = Record()
        self._revivals = Revivals()
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
        """One look: dead members expired, shards added and taken away, those that failed to start started again, a
        stalled one killed.

        Raises SupervisordError or Unavailable; what could be done without the one that is away is done then.
        """
        processes = await self._supervisord.processes()
        self._record.note_processes(ours(processes))
        self._deaths.watch(pid for _, pid in self._record.running)
        started = self._clock.monotonic()
        try:
            members, self._wanted = await self._fetch()
            await self._expire(self._record.dead(members))
        except Unavailable:
            self._record.doubt()
            self._revivals.at_once()
            await self._arrange(processes)  # shards are kept as they were while the database is away
            raise
        await self._arrange(processes)
        for program in self._revivals.due(processes, self._clock.monotonic()):
            log.warning("shard.started_again", program=program)
            await self._supervisord.start_again(program)
        if self._clock.monotonic() - started > SLOW:
            self._record.doubt()
        await self._judge(members)

    async def _arrange(self, processes: list[ProcessInfo]) -> None:
        wanted = shard_names(self._default if self._wanted is None else self._wanted)
        for action, program in actions(processes, wanted):
            log.info("shard.arranged", action=action, program=program, wanted=len(wanted))
            match action:
                case "add":
                    self._program(program).write(self._include)
                    await self._supervisord.add(program)
                case "stop":
                    await self._supervisord.stop(program)
                case "remove":
                    (self._include / f"{program}.conf").unlink(missing_ok=True)
                    await self._supervisord.remove(program)

    async def _judge(self, members: list[Member]) -> None:
        verdict = self._record.stalled(members, self._clock.monotonic())
        if verdict is not None:
            log.warning("shard.stalled", program=verdict.member.program, pid=verdict.member.pid, reason=verdict.reason)
            await self._supervisord.kill(verdict.member.program)
        self._record.forget(members)

    async def _expire(self, dead: list[Member]) -> None:
        if not dead:
            return
        database = await self._opened()
        async with database.worker_tx() as conn:
            expired = await queries.expire_members(conn, ids=[member.id for member in dead])
        await self._publisher.publish((members_channel(), MembersChanged(member, "died")) for member in expired)
        for member in expired:
            log.warning("shard.died", member=member)

    async def _fetch(self) -> tuple[list[Member], int]:
        """The members of this host, and how many shards it should have. Raises Unavailable."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                database = await self._opened()
                async with database.worker_tx() as conn:
                    members = await queries.fetch_members(conn, host=self._host)
                    return members, await fleet.wished(conn, host=self._host, default=self._default)
        except TimeoutError as error:
            raise Unavailable(f"Postgres did not answer within {ANSWER_WITHIN} s.") from error

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
