"""The acceptance: many bots, a steady load, and a shard or a gateway that is killed again and again.

`python -m bench.soak --shards 4 --bots 1000 --rate 200 --minutes 10 --kill-every 20`: `replyx up`, the bots from a
file, `kill -9` of a random process every so many seconds; it ends with every update answered, every doubled answer
marked, and the memory back where it was. Less by default, for trying.
"""

import argparse
import asyncio
import os
import random
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from bench.idle import memory_mb
from bench.live import Live, running_live
from bench.report import report
from tests.chaos.crowd import Crowd
from tests.chaos.history import Verdict, check

PEOPLE = 2  # chats of one bot
WARM, REST = 10.0, 15.0  # seconds of load, and of rest, before memory is weighed
MEMORY_LIMIT = 1.25  # times what it was


@dataclass(frozen=True)
class Plan:
    """What to do."""

    shards: int
    bots: int
    rate: float
    seconds: float
    kill_every: float
    seed: int

    @property
    def victims(self) -> list[str]:
        """Who may be killed: a shard three times in four."""
        shards = [f"shard-{number:02d}" for number in range(self.shards)]
        return [*shards, *shards, *shards, *[f"gateway:gateway-{number % 2:02d}" for number in range(self.shards)]]


@dataclass(frozen=True)
class Outcome:
    """What came of it. Memory in megabytes (PSS of gateways and shards), at rest."""

    verdict: Verdict
    kills: int
    memory_before: float
    memory_after: float
    settled: float  # seconds from the end of the load until all was quiet


async def weigh(live: Live) -> float:
    """Gateways and shards together."""
    pids = await asyncio.to_thread(live.product.pids)
    ours = [pid for name, pid in pids.items() if name.startswith(("shard-0", "gateway"))]
    return sum(memory_mb(pid) for pid in ours)


async def kill_now_and_then(live: Live, plan: Plan, rng: random.Random) -> int:
    """Kill until the time is over; how often."""
    loop = asyncio.get_running_loop()
    until, kills = loop.time() + plan.seconds, 0
    while (left := until - loop.time()) > 0:
        pause = plan.kill_every * rng.uniform(0.7, 1.3)
        await asyncio.sleep(min(pause, left))
        if pause < left:
            pid = await live.pid(rng.choice(plan.victims))
            with suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
    return kills


async def soak(plan: Plan, folder: Path) -> Outcome:
    """Everything."""
    rng = random.Random(plan.seed)
    async with running_live(folder, shards=plan.shards) as live:
        await live.add_bots(plan.bots, mode="webhook")
        await live.listening()
        await live.shared(plan.shards)
        crowd = Crowd(live, people=PEOPLE, bursts=0)
        crowd.begin()
        async with crowd.listening():
            async with crowd.talking(rng, plan.rate):
                await asyncio.sleep(WARM)
            await crowd.quiet(60)
            await asyncio.sleep(REST)
            before = await weigh(live)
            async with crowd.talking(rng, plan.rate):
                kills = await kill_now_and_then(live, plan, rng)
            settled = await crowd.quiet(90)
            await live.shared(plan.shards)
            await asyncio.sleep(REST)
            verdict = check(await crowd.look())
            return Outcome(verdict, kills, before, await weigh(live), settled)


def main() -> int:
    """Run, print; 1 if the promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--bots", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50, help="updates a second")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=0, help="instead of --minutes")
    parser.add_argument("--kill-every", type=float, default=20, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only the last line")
    given = parser.parse_args()
    seconds = given.seconds or given.minutes * 60
    plan = Plan(given.shards, given.bots, given.rate, seconds, given.kill_every, given.seed)
    with TemporaryDirectory(prefix="replyx-bench-", ignore_cleanup_errors=True) as name:
        outcome = uvloop.run(soak(plan, Path(name)))
    verdict = outcome.verdict
    growth = outcome.memory_after / outcome.memory_before
    if not given.json:
        print("".join(f"  violated: {violation}\n" for violation in verdict.violations), end="")
    figures = {
        "updates": verdict.messages,
        "kills": outcome.kills,
        "lost": verdict.lost,
        "doubled, not marked": verdict.doubled_unmarked,
        "doubled, marked": verdict.doubled_marked,
        "share uncertain %": 100 * verdict.uncertain / max(1, verdict.messages),
        "wait p95 s": verdict.p95,
        "wait max s": verdict.gap,
        "quiet after s": outcome.settled,
        "memory before MB": outcome.memory_before,
        "memory after MB": outcome.memory_after,
        "memory growth / limit": growth / MEMORY_LIMIT,
    }
    report("soak", figures, only_json=given.json)
    return 1 if verdict.violations or growth > MEMORY_LIMIT else 0


if __name__ == "__main__":
    raise SystemExit(main())
