"""Which programs of supervisord there should be, and what to do about those that are not as they should be. Pure."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shards.supervisor.program_file import ProgramFile
from shards.supervisor.rpc import ProcessInfo

STOP_WAIT = 25  # seconds until supervisord kills: above shards.worker.SHUTDOWN_SECONDS (a test compares)
REVIVE_FIRST = 2.0  # seconds that a shard that does not start waits for its next start
REVIVE_AT_MOST = 30.0  # seconds
_OURS = re.compile(r"shard-\d\d")
_GONE = {"STOPPED", "EXITED", "FATAL"}
_FAILING = {"BACKOFF", "FATAL"}

Action = Literal["add", "stop", "remove", "revive"]


def is_shard(program: str) -> bool:
    """Whether a program is a shard: `shard-supervisor` is none."""
    return _OURS.fullmatch(program) is not None


def shard_names(shards: int) -> list[str]:
    """The programs of a host with so many shards."""
    return [f"shard-{number:02d}" for number in range(shards)]


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


def ours(processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
    """The shards among supervisord's processes."""
    return [process for process in processes if is_shard(process.name)]


def actions(processes: Iterable[ProcessInfo], wanted: Iterable[str]) -> list[tuple[Action, str]]:
    """What brings supervisord to `wanted`: missing shards are added; one that is too many is stopped (it drains), and
    removed when it has stopped. One that ops stopped stays so."""
    shards = {process.name: process for process in ours(processes)}
    names = list(wanted)
    steps: list[tuple[Action, str]] = [("add", name) for name in names if name not in shards]
    for name in sorted(shards.keys() - set(names)):
        if shards[name].state in _GONE:
            steps.append(("remove", name))
        elif shards[name].state != "STOPPING":
            steps.append(("stop", name))
    return steps


@dataclass
class Revivals:
    """Shards that supervisord could not start: it waits a second longer after each attempt, and might give up."""

    _waits: dict[str, tuple[float, float]] = field(default_factory=dict)  # program -> (start at, next wait)

    def due(self, processes: Iterable[ProcessInfo], now: float) -> list[str]:
        """The programs to start again, `now` in monotonic seconds."""
        failing = [process.name for process in ours(processes) if process.state in _FAILING]
        starting = {process.name for process in ours(processes) if process.state == "STARTING"}
        self._waits = {name: wait for name, wait in self._waits.items() if name in {*failing, *starting}}
        due = []
        for name in failing:
            at, wait = self._waits.setdefault(name, (now + REVIVE_FIRST, REVIVE_FIRST))
            if now >= at:
                longer = min(2 * wait, REVIVE_AT_MOST)
                self._waits[name] = (now + longer, longer)
                due.append(name)
        return due

    def at_once(self) -> None:
        """What kept them from starting is over: Postgres answers again."""
        self._waits = dict.fromkeys(self._waits, (0.0, REVIVE_FIRST))
