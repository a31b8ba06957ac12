"""`replyx shards roll`: restart the shards of this host one at a time, each drained, and stop at the first that fails.

A shard is asked to end with SIGTERM and supervisord starts it again at once: whatever happens to this command, no shard
stays stopped.
"""

import asyncio
import socket
import time

from domain.fleet import Fleet
from domain.kit.db import Database
from domain.kit.line import Line
from domain.kit.settings import Settings
from ops.control import Supervisord
from ops.progress import say, step
from ops.refusal import FAILED, Refusal
from ops.shards import look, opened, wait_for
from shards.supervisor.programs import STOP_WAIT, is_shard

BACK_WITHIN = 60.0  # seconds from the drained end of a shard until it holds slots again
NORMAL_LAG = 3.0  # seconds that the oldest row may have waited before the next shard goes
# One roll at a time in the whole deployment; it ends with the connection.
TAKE_TURN = "SELECT pg_try_advisory_lock(7205759403792793601)"


def roll(settings: Settings, supervisord: Supervisord) -> None:
    """Restart them all. Raises Refusal."""
    if not supervisord.is_up():
        raise Refusal("ReplyX does not run here: the shards of a host are rolled on that host.", code=FAILED)
    asyncio.run(_roll(settings, supervisord))


async def _roll(settings: Settings, supervisord: Supervisord) -> None:
    host = socket.gethostname()
    turn = Line(settings.worker_dsn, name="replyx shards roll")
    try:
        taken = await turn.fetchrow(TAKE_TURN, seconds=5)
        if taken is None or not taken[0]:
            raise Refusal("Another roll is under way: wait until it is done.", code=FAILED)
        async with opened(settings) as db:
            programs = sorted(filter(is_shard, supervisord.pids()))  # also one that was added a moment ago
            for number, program in enumerate(programs):
                rest = programs[number:]
                with step(f"restarting {program}"):
                    await _restart(db, supervisord, host=host, program=program, rest=rest)
            say(f"{len(programs)} shard(s) restarted.")
    finally:
        turn.drop()


async def _restart(db: Database, supervisord: Supervisord, *, host: str, program: str, rest: list[str]) -> None:
    before = await look(db)
    old = {shard.id for shard in before.shards if (shard.host, shard.program) == (host, program)}
    pid = supervisord.pid(program)
    supervisord.signal(program, "TERM")
    await _ended(supervisord, program, pid)
    normal = max([NORMAL_LAG, *(shard.lag for shard in before.shards)])

    def is_back(now: Fleet) -> bool:
        ours = [shard for shard in now.on(host) if shard.program == program and shard.id not in old]
        calm = all(shard.lag <= normal for shard in now.shards if shard.state == "live")
        return bool(ours) and ours[0].slots > 0 and now.free == 0 and calm

    if not await wait_for(db, is_back, seconds=BACK_WITHIN):
        raise Refusal(
            f"{program} did not come back to work within {BACK_WITHIN:.0f} s: look into its log "
            f"({supervisord.data_dir / 'logs' / program}.log) and at `replyx shards`. "
            f"Not restarted: {', '.join(rest[1:]) or 'no other'}.",
            code=FAILED,
        )


async def _ended(supervisord: Supervisord, program: str, pid: int) -> None:
    """Wait for its drain; a shard that hangs in it is killed, as supervisord would do."""
    deadline = time.monotonic() + STOP_WAIT
    while supervisord.pid(program) == pid:
        if time.monotonic() > deadline:
            supervisord.signal(program, "KILL")
            deadline += STOP_WAIT
        await asyncio.sleep(0.05)
