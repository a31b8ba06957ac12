"""Faults of processes: kills, stops, restarts, zombies, twins."""

import asyncio
import signal
import subprocess
import sys

from tests.chaos.history import Verdict
from tests.chaos.programs import ROOT, Program
from tests.chaos.run import Fault, Run

TTL = 10.0  # seconds a lease lasts
DRAIN = 20.0  # seconds a planned stop may take
HISTORY = "SELECT slot, member_id, epoch FROM slot_owners"


async def kill_shards(run: Run) -> None:
    """F1: kill -9 a shard every second or two under load."""
    async with run.talking():
        for _ in range(max(3, int(run.seconds(3)))):
            await asyncio.sleep(run.rng.uniform(0.8, 1.6))
            await run.flurry()
            run.rng.choice(run.stack.shards).kill()


async def deaths_are_seen(run: Run, verdict: Verdict) -> None:
    """Nobody waits for a lease; a kill leaves as many sends unknown as were on the wire."""
    run.expect(verdict.gap < TTL, f"somebody waited {verdict.gap:.1f} s, although every death was seen")


async def host_gone(run: Run) -> None:
    """F1 without anybody who sees the death: the lease has to run out."""
    run.stack.keeping.announces = False
    victim = run.rng.choice(run.stack.shards)
    async with run.talking():
        await asyncio.sleep(1.0)
        victim.kept = False
        await run.flurry()
        victim.kill()
        await asyncio.sleep(TTL + 2.0)


async def lease_is_enough(run: Run, verdict: Verdict) -> None:
    """TTL and a little more."""
    run.expect(verdict.gap < TTL + 4.0, f"somebody waited {verdict.gap:.1f} s")


async def kill_gateways(run: Run) -> None:
    """F3: kill -9 a gateway in the middle of webhooks; Telegram repeats what it got no answer for."""
    async with run.talking():
        for _ in range(max(3, int(run.seconds(3)))):
            await asyncio.sleep(run.rng.uniform(0.4, 1.2))
            await run.flurry()
            run.rng.choice(run.stack.gateways).kill()


async def zombie(run: Run) -> None:
    """F4: a shard is stopped for longer than its lease, then wakes up in a world where others own its slots."""
    victim = run.rng.choice(run.stack.shards)
    async with run.talking():
        await asyncio.sleep(1.0)
        victim.kept = False
        await run.flurry()
        victim.kill(signal.SIGSTOP)
        await asyncio.sleep(TTL + run.rng.uniform(2.0, 3.0))
        owners = await run.stack.owners()
        run.expect(victim.name not in owners and "" not in owners, f"the slots were not taken over: {owners}")
        sent = await _sent_by(run)
        victim.kill(signal.SIGCONT)
        code = await victim.ended(5.0)
        run.expect(code == 1, f"the zombie ended with {code}, not by its lost lease")
        run.expect(await _sent_by(run) >= sent, "sends went backwards")


async def _sent_by(run: Run) -> int:
    return len(run.stack.telegram.calls("sendMessage"))


async def stopped_before_the_socket(run: Run) -> None:
    """F5: stopped between the last look at the lease and the socket write: at most one send comes twice, marked."""
    victim = run.stack.shards[-1]
    victim.kept = False
    victim.kill(signal.SIGTERM)
    await victim.ended(DRAIN)
    victim.start(REPLYX_CRASH_POINT="send-admitted:5:stop")
    victim.kept = True
    await run.stack.shared()
    async with run.talking():
        stopped = await _is_stopped(victim)
        run.expect(stopped, "the point was not reached")
        await asyncio.sleep(TTL + 1.5)
        victim.kill(signal.SIGCONT)
        await asyncio.sleep(1.0)


async def one_double_at_most(run: Run, verdict: Verdict) -> None:
    """One stop, one send on its way to the socket for each row that was marked ahead of it."""
    run.expect(verdict.doubled_unmarked == 0, "a double was silent")


async def _is_stopped(program: Program, seconds: float = 15.0) -> bool:
    for _ in range(int(seconds / 0.05)):
        if program.stopped:
            return True
        await asyncio.sleep(0.05)
    return False


async def twins(run: Run) -> None:
    """F6: two shards under one name; then the one that owns the slots dies."""
    stack = run.stack
    twin = Program(stack.shards[0].name, "shards", stack.environments[stack.shards[0].name], stack.folder)
    seen: dict[int, tuple[int, str | None]] = {}
    twin.start()
    try:
        async with run.talking():
            for step in range(int(run.seconds(30))):
                await _one_owner_a_slot(run, seen)
                if step == 10:
                    stack.shards[0].kill()
                await asyncio.sleep(0.1)
    finally:
        twin.kill(signal.SIGTERM)
        await twin.ended(DRAIN)


async def _one_owner_a_slot(run: Run, seen: dict[int, tuple[int, str | None]]) -> None:
    """An epoch belongs to one member for ever, and never goes back."""
    for row in await run.stack.rows(HISTORY):
        epoch, member = seen.get(row["slot"], (0, None))
        backwards = row["epoch"] < epoch
        shared = row["epoch"] == epoch and row["member_id"] not in {member, None} and member is not None
        run.expect(not backwards and not shared, f"slot {row['slot']}: epoch {row['epoch']} after {epoch} of {member}")
        seen[row["slot"]] = (row["epoch"], row["member_id"])


async def rolling_restart(run: Run) -> None:
    """F30: SIGTERM each process in turn under load, and migrate meanwhile."""
    errors = {bot.id: bot.webhook.last_error for tenant in run.stack.tenants for bot in tenant.bots if bot.webhook}
    async with run.talking():
        await asyncio.sleep(0.5)
        migration = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ops.cli", "migrate", cwd=ROOT, env=run.stack.owner, stdout=subprocess.DEVNULL
        )
        for program in run.stack.programs:
            program.kept = False
            program.kill(signal.SIGTERM)
            code = await program.ended(DRAIN)
            run.expect(code == 0, f"{program.name} ended with {code}: {program.tail()}")
            program.kept = True
            program.start()
            await run.stack.answering(program)
        run.expect(await migration.wait() == 0, "the migration failed")
    for tenant in run.stack.tenants:
        for bot in tenant.bots:
            if bot.webhook:
                run.expect(bot.webhook.last_error == errors[bot.id], f"a webhook saw {bot.webhook.last_error}")


async def planned_is_quick(run: Run, verdict: Verdict) -> None:
    """Nothing is unknown when nobody dies."""
    run.expect(verdict.uncertain == 0, f"{verdict.uncertain} sends became uncertain in a planned restart")
    run.expect(verdict.gap < 5.0 * run.size.patience, f"somebody waited {verdict.gap:.1f} s")


async def everything_dies(run: Run) -> None:
    """F31: every process and both servers die in one instant; all is started again, and nobody helps."""
    stack = run.stack
    async with run.talking():
        await asyncio.sleep(run.rng.uniform(1.0, 2.0))
        stack.keeping.restarts = False
        await run.flurry()
        for program in stack.programs:
            program.kill()
        stack.servers.valkey.kill()
        stack.servers.postgres.kill()
    await stack.servers.start()
    stack.keeping.restarts = True


FAULTS = (
    Fault("F1", "kill -9 a shard, again and again", kill_shards, judge=deaths_are_seen),
    Fault("F1-lease", "kill -9 a shard, and nobody sees it die", host_gone, short=False, judge=lease_is_enough),
    Fault("F3", "kill -9 a gateway during webhooks", kill_gateways),
    Fault("F4", "a shard stopped for longer than its lease wakes up", zombie),
    Fault("F5", "a shard stopped just before the socket write", stopped_before_the_socket, judge=one_double_at_most),
    Fault("F6", "two shards of one name", twins, short=False),
    Fault("F30", "rolling restart and a migration under load", rolling_restart, judge=planned_is_quick),
    Fault("F31", "everything dies at once", everything_dies),
)
