"""Faults of Postgres and Redis, and of the lines to them."""

import asyncio
import os
import signal

from tests.chaos.history import Verdict
from tests.chaos.run import Fault, Run

TTL = 10.0  # seconds a lease lasts
BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()
"""
# Every hundredth row that the delivery engine writes meets a deadlock or a serialization failure.
INJECT = """
CREATE OR REPLACE FUNCTION injected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.01 THEN
        IF random() < 0.5 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '40P01'; END IF;
        RAISE EXCEPTION 'injected' USING ERRCODE = '40001';
    END IF;
    RETURN NEW;
END $$
"""
HERD = 100  # connections that the gateways may open in the first two seconds of a Postgres that is back
INJECTED = ("inbox", "outbox", "messages", "dialogs")


async def redis_killed(run: Run) -> None:
    """F8: FLUSHALL, SIGKILL, a while without Redis, and an empty one."""
    async with run.talking():
        await asyncio.sleep(0.5)
        await asyncio.to_thread(run.stack.servers.services.flush)
        run.stack.servers.valkey.kill()
        await asyncio.sleep(run.seconds(3))
        await run.stack.servers.valkey.start()
        await asyncio.sleep(1.0)


async def redis_hushed(run: Run) -> None:
    """F9: a blackhole between everybody and Redis."""
    lines = [run.stack.lines["gateway-redis"], run.stack.lines["shard-redis"]]
    async with run.talking():
        await asyncio.sleep(0.5)
        for line in lines:
            line.hush()
        await asyncio.sleep(run.seconds(4))
        for line in lines:
            line.speak()
        await asyncio.sleep(1.0)


async def redis_stopped(run: Run) -> None:
    """F10: Redis hangs for a while, then goes on with what was sent to it."""
    async with run.talking():
        await asyncio.sleep(0.5)
        run.stack.servers.valkey.kill(signal.SIGSTOP)
        await asyncio.sleep(run.seconds(3))
        run.stack.servers.valkey.kill(signal.SIGCONT)
        await asyncio.sleep(1.0)


async def a_bell_is_only_speed(run: Run, verdict: Verdict) -> None:
    """Without the doorbell, the looks of every second find everything."""
    run.expect(verdict.p95 < 3.0 * run.size.patience, f"p95 {verdict.p95:.1f} s without Redis")


async def backend_killed(run: Run) -> None:
    """F14: kill -9 a backend: Postgres drops every session and recovers."""
    async with run.talking():
        for _ in range(max(2, int(run.seconds(1)))):
            await asyncio.sleep(run.rng.uniform(0.8, 1.5))
            backends = await run.stack.rows(BACKENDS)
            await run.flurry()
            os.kill(run.rng.choice(backends)["pid"], signal.SIGKILL)
            await asyncio.sleep(2.0)


async def postgres_away(run: Run) -> None:
    """F15: an immediate stop of Postgres, and a start after a while. Nobody is told that anything is stored."""
    async with run.talking():
        await asyncio.sleep(1.0)
        await run.flurry()
        run.stack.servers.postgres.kill(signal.SIGQUIT)
        before = run.crowd.waiting()
        await asyncio.sleep(run.seconds(3))
        run.expect(run.crowd.waiting() >= before, "Telegram was told that updates are stored, and nothing was there")
        await run.stack.servers.postgres.start()
        before = run.stack.lines["gateway"].accepted
        await asyncio.sleep(2.0)
        connects = run.stack.lines["gateway"].accepted - before
        run.expect(connects <= HERD, f"{connects} connections from the gateways: a thundering herd")


async def half_open(run: Run) -> None:
    """F17: the connections of one shard to Postgres fall silent for ever; new ones work."""
    name = run.rng.choice(run.stack.shards).name
    async with run.talking():
        await asyncio.sleep(1.0)
        silent = run.stack.lines[name].orphan()
        run.expect(silent > 0, "there was no connection to break")
        await asyncio.sleep(TTL + 4.0)


async def half_open_gateway(run: Run) -> None:
    """F17: the same to the gateways."""
    async with run.talking():
        await asyncio.sleep(1.0)
        run.stack.lines["gateway"].orphan()
        await asyncio.sleep(5.0)


async def found_in_time(run: Run, verdict: Verdict) -> None:
    """A dead connection is noticed in 15 seconds."""
    run.expect(verdict.gap < 15.0, f"somebody waited {verdict.gap:.1f} s for a dead connection")


async def deadlocks(run: Run) -> None:
    """F20: one row in a hundred meets a deadlock or a serialization failure."""
    await run.stack.rows(INJECT)
    for table in INJECTED:
        trigger = f"CREATE TRIGGER injected BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION injected()"
        await run.stack.rows(trigger)
    try:
        async with run.talking():
            await asyncio.sleep(run.seconds(4))
    finally:
        for table in INJECTED:
            await run.stack.rows(f"DROP TRIGGER injected ON {table}")


async def shard_cut_off(run: Run) -> None:
    """F22: one shard loses Postgres and keeps Telegram: it must fall silent before its lease ends elsewhere."""
    name = run.rng.choice(run.stack.shards).name
    async with run.talking():
        await asyncio.sleep(1.0)
        run.stack.lines[name].hush()
        await asyncio.sleep(TTL + 2.0)
        owners = await run.stack.owners()
        run.expect(name not in owners and "" not in owners, f"the slots were not taken over: {owners}")
        run.stack.lines[name].speak()
        await asyncio.sleep(1.0)


FAULTS = (
    Fault("F8", "FLUSHALL, and Redis killed", redis_killed, judge=a_bell_is_only_speed),
    Fault("F9", "a blackhole to Redis", redis_hushed, judge=a_bell_is_only_speed),
    Fault("F10", "Redis hangs and goes on", redis_stopped, short=False, judge=a_bell_is_only_speed),
    Fault("F14", "kill -9 a backend of Postgres", backend_killed),
    Fault("F15", "Postgres stopped for a while", postgres_away),
    Fault("F17", "half-open connections of a shard to Postgres", half_open, short=False, judge=found_in_time),
    Fault("F17-gateway", "half-open connections of the gateways", half_open_gateway, short=False, judge=found_in_time),
    Fault("F20", "deadlocks and serialization failures", deadlocks),
    Fault("F22", "a shard cut off from Postgres alone", shard_cut_off),
)
