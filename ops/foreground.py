"""Staying in the foreground: wait for supervisord or for Ctrl-C, and stop everything in order.

When all is up, `replyx up` becomes this module (exec): the process that stays for weeks is a small one, without the
database drivers that starting needed. supervisord stays its child through that. When supervisord dies without being
asked, with or without all the programs, it becomes `replyx up` again: nobody has to come and start it.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ops.control import Supervisord
from ops.progress import say, step
from ops.refusal import FAILED

DRAIN_SECONDS = 30  # above every stopwaitsecs, after which supervisord kills
STOP_SECONDS = 90  # for the databases, and whatever is left; supervisord goes group by group
# What the others need while they drain; supervisord stops these last, the databases last of all.
NEEDED = frozenset({"postgres", "valkey", "embeddings-query", "embeddings-ingest", "sim-telegram", "sim-llm"})
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
GONE_SECONDS = 30  # for what a killed supervisord leaves behind: it drains, with its parent gone
STARTS_IN_A_ROW = 5  # unasked starts, each before the last one ran for CALM_SECONDS
CALM_SECONDS = 300


class StopRequested(Exception):
    """SIGINT or SIGTERM arrived."""


@contextmanager
def stop_requests() -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM raises StopRequested; from then on, and after the block, both wait.

    A second Ctrl-C changes nothing: the stop is under way, and cutting it short would cost a drain. One that comes
    between two such blocks is kept by the kernel, also over `stay`, for the next block to see.
    """

    def requested(number: int, frame: FrameType | None) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        raise StopRequested

    for each in _SIGNALS:
        signal.signal(each, requested)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def stay(supervisord: Supervisord, pid: int, *, again: int, arguments: list[str]) -> NoReturn:
    """Become the process that waits for supervisord (`pid`, our child). `again`: how many unasked starts in a row this
    is; `arguments`: of the `replyx up` that would be the next."""
    sys.stdout.flush()
    us = [sys.executable, "-m", "ops.foreground", str(supervisord.data_dir), str(supervisord.config), str(pid)]
    os.execv(sys.executable, [*us, str(again), *arguments])  # noqa: S606  # our own interpreter and module, no shell


def stop(supervisord: Supervisord, pid: int) -> None:
    """Stop all programs, then supervisord with what they needed."""
    with step("stopping"):
        supervisord.stop_programs(keep=NEEDED, seconds=DRAIN_SECONDS)
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if _ended_within(pid, seconds):
                return


def main(arguments: list[str]) -> int:
    """Wait; returns the exit code of `replyx up`."""
    data_dir, config, pid, again = Path(arguments[0]), Path(arguments[1]), int(arguments[2]), int(arguments[3])
    started = time.monotonic()
    try:
        with stop_requests():
            _, status = os.waitpid(pid, 0)
    except StopRequested:
        stop(Supervisord(data_dir, config), pid)
        status = 0
    if status == 0:
        say("ReplyX has stopped; nothing is lost.")
        return 0
    calm = time.monotonic() - started > CALM_SECONDS
    return _start_again(arguments, os.waitstatus_to_exitcode(status), 1 if calm else again + 1)


def _start_again(arguments: list[str], code: int, again: int) -> int:
    """Become `replyx up` when nothing is left of the supervisord that ended with `code`; or return an exit code."""
    pid = int(arguments[2])
    if again > STARTS_IN_A_ROW:
        print(f"replyx: supervisord ended {again} times in a row ({code}): look into its log.", file=sys.stderr)
        return FAILED
    print(f"replyx: supervisord ended unexpectedly ({code}); starting again.", file=sys.stderr, flush=True)
    try:
        with stop_requests():
            end_session(pid, seconds=GONE_SECONDS)
    except StopRequested:
        end_session(pid, seconds=0)
        return FAILED
    return _become_up([*arguments[4:], "--again", str(again)])


def _become_up(arguments: list[str]) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # every program would inherit it blocked, and never stop
    command = [sys.executable, "-m", "ops.cli", "up", *arguments]
    os.execv(sys.executable, command)  # noqa: S606  # our own interpreter and module, no shell


def end_session(leader: int, *, seconds: float) -> None:
    """Wait for the programs of a dead supervisord to end; kill what is left after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in _numbered_folders(Path("/proc")) if _session_of(pid) == leader]:
        if time.monotonic() > deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _numbered_folders(folder: Path) -> list[int]:
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]


def _session_of(pid: int) -> int:
    """0 for a process that is gone, or only waits to be reaped."""
    try:
        state, _, _, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else int(session)


def _ended_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    with suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
