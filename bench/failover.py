"""How long nobody answers when a shard dies, and what is lost: `python -m bench.failover [--rounds N] [--json]`.

Under supervisord with the shard-supervisor: random `kill -9`, planned restarts, shards stopped by SIGSTOP (which the
shard-supervisor kills), and shards that die while nobody watches, so that the lease has to run out ("host gone"). The
gap of a round is the longest wait of anybody who wrote around it. `--rounds 30` makes 30 kills, 30 restarts, 10
zombies and 3 hosts.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from bench.live import Live, running_live
from bench.report import report
from tests.chaos.crowd import Crowd
from tests.chaos.history import Verdict, check, waited

SHARDS = 2
BOTS, PEOPLE = 60, 6
RATE = 40.0  # messages a second
AROUND = 2.5  # seconds before and after the deed whose messages are looked at
LEASE = 10.0  # seconds
LIMITS = {"kill -9": 2.0, "restart": 2.0, "host gone": LEASE + 2.0}

Deed = Callable[[Live, str], Awaitable[None]]


async def kill(live: Live, shard: str) -> None:
    """kill -9."""
    os.kill(await live.pid(shard), signal.SIGKILL)


async def restart(live: Live, shard: str) -> None:
    """supervisorctl restart."""
    await live.control("restart", shard)


async def stop_for_a_while(live: Live, shard: str) -> None:
    """SIGSTOP for longer than the lease; it is gone by then, if somebody watches."""
    pid = await live.pid(shard)
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(LEASE + 1.0)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def lose_host(live: Live, shard: str) -> None:
    """kill -9 while the shard-supervisor is away."""
    await live.control("stop", "shard-supervisor")
    await kill(live, shard)
    await asyncio.sleep(LEASE)
    await live.control("start", "shard-supervisor")


DEEDS: dict[str, Deed] = {"kill -9": kill, "restart": restart, "zombie": stop_for_a_while, "host gone": lose_host}


async def round_of(live: Live, crowd: Crowd, rng: random.Random, deed: Deed) -> tuple[float, float]:
    """One deed; the span of time, on the loop's clock, around it."""
    await live.shared(SHARDS)
    await asyncio.sleep(rng.uniform(AROUND, AROUND + 1.0))
    began = asyncio.get_running_loop().time()
    await deed(live, f"shard-{rng.randrange(SHARDS):02d}")
    await asyncio.sleep(AROUND)
    return began - AROUND, asyncio.get_running_loop().time()


async def measure(folder: Path, rounds: int, seed: int) -> tuple[dict[str, list[float]], Verdict]:
    """(gaps of every kind, what became of all messages)."""
    rng = random.Random(seed)
    async with running_live(folder, shards=SHARDS) as live:
        await live.add_bots(BOTS, mode="webhook")
        await live.listening()
        crowd = Crowd(live, people=PEOPLE, bursts=0)
        crowd.begin()
        counts = {
            "kill -9": rounds,
            "restart": rounds,
            "zombie": max(1, rounds // 3),
            "host gone": max(1, rounds // 10),
        }
        plan = [name for name, count in counts.items() for _ in range(count)]
        rng.shuffle(plan)
        async with crowd.listening():
            async with crowd.talking(rng, RATE):
                spans = [(name, await round_of(live, crowd, rng, DEEDS[name])) for name in plan]
            await crowd.quiet(60)
            history = await crowd.look()
    waits, said = waited(history), history.said
    gaps: dict[str, list[float]] = {name: [] for name in DEEDS}
    for name, (start, end) in spans:
        gaps[name].append(max((waits.get(one.nonce, 0.0) for one in said if start <= one.at <= end), default=0.0))
    return gaps, check(history)


def main() -> int:
    """Measure, print; 1 if anything was lost or came twice without saying so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=0, help="kills, and as many restarts (default 4)")
    parser.add_argument("--seconds", type=float, default=0, help="about so long instead (20 s a round)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only the last line")
    chosen = parser.parse_args()
    rounds = chosen.rounds or max(1, int(chosen.seconds / 20)) if chosen.seconds or chosen.rounds else 4
    with TemporaryDirectory(prefix="replyx-bench-", ignore_cleanup_errors=True) as name:
        gaps, verdict = uvloop.run(measure(Path(name), rounds, chosen.seed))
    figures: dict[str, float] = {}
    for kind, values in gaps.items():
        figures |= {f"{kind}: gap p50 s": statistics.median(values), f"{kind}: gap max s": max(values)}
        if kind in LIMITS:
            figures[f"{kind}: gap max / limit"] = max(values) / LIMITS[kind]
    figures |= {
        "messages": verdict.messages,
        "lost": verdict.lost,
        "doubled, not marked": verdict.doubled_unmarked,
        "doubled, marked": verdict.doubled_marked,
        "share uncertain %": 100 * verdict.uncertain / max(1, verdict.messages),
    }
    if not chosen.json:
        print("".join(f"  violated: {violation}\n" for violation in verdict.violations), end="")
    report("failover", figures, only_json=chosen.json)
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
