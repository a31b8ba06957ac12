"""`python -m tests.chaos [--seeds N] [--hours H] [--only F1,F4] [--short]`: the catalogue against real processes."""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from domain.kit import log
from tests.chaos.catalogue import CATALOGUE
from tests.chaos.crowd import Crowd
from tests.chaos.history import Verdict
from tests.chaos.run import Fault, Size, run_fault
from tests.chaos.stack import Servers, Shape, running_servers, running_stack

HEAD = ("fault", "seed", "messages", "lost", "doubled, marked", "doubled, unmarked", "uncertain", "gap s", "verdict")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="seeds of each fault (default 1)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--hours", type=float, default=1.0, help="stop after this time (default 1)")
    parser.add_argument("--only", default="", help="names of faults, separated by commas")
    parser.add_argument("--short", action="store_true", help="the times of the continuous integration")
    return parser.parse_args()


def line(fault: Fault, seed: int, verdict: Verdict) -> str:
    """A row of the table."""
    cells = (fault.name, seed, verdict.messages, verdict.lost, verdict.doubled_marked, verdict.doubled_unmarked)
    word = "VIOLATED" if verdict.violations else "ok"
    return _row((*cells, verdict.uncertain, f"{verdict.gap:.1f}", word))


def _row(cells: tuple[object, ...]) -> str:
    return "  ".join(f"{cell!s:>{len(head)}}" for cell, head in zip(cells, HEAD, strict=True))


async def run_one(servers: Servers, fault: Fault, seed: int, size: Size, folder: Path) -> Verdict:
    """One fault on a product of its own."""
    async with running_stack(servers, Shape(), folder) as stack:
        crowd = Crowd(stack, people=6)
        async with crowd.listening():
            return await run_fault(fault, stack, crowd, seed=seed, size=size)


def _play(servers: Servers, fault: Fault, seed: int, size: Size) -> Verdict:
    with TemporaryDirectory(prefix="replyx-chaos-") as name, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        return loop.run(run_one(servers, fault, seed, size, Path(name)))


def main() -> int:
    """Run what was asked for; 1 if anything was violated."""
    options = _options()
    wanted = set(options.only.split(",")) - {""}
    faults = [fault for fault in CATALOGUE if not wanted or fault.name in wanted]
    size = Size() if options.short else Size(stretch=3.0)
    until = time.monotonic() + options.hours * 3600
    violated, done = 0, 0
    log.configure("ERROR", instance="chaos")
    print(_row(HEAD), flush=True)
    with running_servers() as servers:
        for seed in range(options.first, options.first + options.seeds):
            for fault in faults:
                if time.monotonic() > until:
                    break
                verdict = _play(servers, fault, seed, size)
                print(line(fault, seed, verdict), flush=True)
                for violation in verdict.violations:
                    print(f"    {fault.name} seed {seed}: {violation}", flush=True)
                violated += bool(verdict.violations)
            else:
                done += 1
    print(f"{done} of {options.seeds} seeds done, {violated} runs violated")
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
