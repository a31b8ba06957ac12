"""One run of one fault: people talk, something breaks, it heals, all comes to rest, the checker judges."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.crowd import Crowd
from tests.chaos.history import Verdict, check
from tests.chaos.stack import Stack

QUIET = 60.0  # seconds in which everything must be answered once the fault is over
GROWTH = 25.0  # megabytes a process may have grown by, beside a quarter
DESCRIPTORS = 200  # open files that may have been added: idle connections to Telegram are kept for a while


@dataclass(frozen=True)
class Size:
    """How long and how much.

    stretch multiplies the times of the short set; patience, how long people may wait: the short set runs with the rest
    of the tests on machines of any speed, the whole catalogue keeps to the letter.
    """

    stretch: float = 1.0
    patience: float = 1.0
    rate: float = 40.0  # messages a second


@dataclass
class Run:
    """What a fault works with. `rng` is seeded with the fault's name and the seed."""

    stack: Stack
    crowd: Crowd
    rng: random.Random
    size: Size
    complaints: list[str] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)  # what the fault's judge wants to know of single nonces

    def seconds(self, short: float) -> float:
        """A time of the short set, at this run's size."""
        return short * self.size.stretch

    def expect(self, holds: bool, what: str) -> None:
        """A criterion of this fault beside the invariants."""
        if not holds:
            self.complaints.append(what)

    @asynccontextmanager
    async def talking(self, rate: float | None = None) -> AsyncIterator[None]:
        """People talk meanwhile."""
        async with self.crowd.talking(self.rng, rate or self.size.rate):
            yield

    async def flurry(self, count: int = 30) -> None:
        """So many people write at once, and a moment later, at a random point of their messages' ways, this returns."""
        for bot, user in self.rng.sample(self.crowd.chats, count):
            self.crowd.say(bot, user)
        await asyncio.sleep(self.rng.uniform(0.0, 0.15))


Act = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """One entry of the catalogue. `act` returns when the fault is over; healing is the harness's. `judge` looks at the
    quiet end."""

    name: str
    title: str
    act: Act
    short: bool = True
    judge: Callable[[Run, Verdict], Awaitable[None]] | None = None


async def run_fault(fault: Fault, stack: Stack, crowd: Crowd, *, seed: int, size: Size) -> Verdict:
    """Run it once. The stack is usable afterwards, if the verdict is clean."""
    crowd.begin()
    run = Run(stack, crowd, random.Random(f"{fault.name}:{seed}"), size)
    before = _weights(stack)
    await fault.act(run)
    await stack.heal()
    await crowd.quiet(QUIET)
    verdict = check(await crowd.look())
    if fault.judge is not None:
        await fault.judge(run, verdict)
    for (name, pid), (memory, files) in _weights(stack).items():
        if (name, pid) in before:  # it lived through everything
            was, had = before[name, pid]
            run.expect(memory < was * 1.25 + GROWTH, f"I8: {name} grew from {was:.0f} to {memory:.0f} MB")
            run.expect(files < had + DESCRIPTORS, f"I8: {name} has {files} open files, and had {had}")
    verdict.violations += run.complaints
    return verdict


def _weights(stack: Stack) -> dict[tuple[str, int], tuple[float, int]]:
    """Memory and open files of each running process."""
    running = [program for program in stack.programs if program.alive]
    return {(program.name, program.pid): (program.memory_mb(), program.open_files()) for program in running}
