"""Staying in the foreground: wait for supervisord or for Ctrl-C, and stop everything in order.

When all is up, `replyx up` becomes this module (exec): the process that stays for weeks is a small one, without the
database drivers that starting needed. supervisord stays its child through that.
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


def stay(supervisord: Supervisord, pid: int) -> NoReturn:
    """Become the process that waits for supervisord (`pid`, our child)."""
    sys.stdout.flush()
    os.execv(  # noqa: S606  # our own interpreter and module, no shell
        sys.executable,
        [sys.executable, "-m", "ops.foreground", str(supervisord.data_dir), str(supervisord.config), str(pid)],
    )


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
    data_dir, config, pid = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    try:
        with stop_requests():
            _, status = os.waitpid(pid, 0)
    except StopRequested:
        stop(Supervisord(data_dir, config), pid)
        status = 0
    if status != 0:
        code = os.waitstatus_to_exitcode(status)
        print(f"replyx: supervisord ended unexpectedly ({code}): start again with `replyx up`.", file=sys.stderr)
        return FAILED
    say("ReplyX has stopped; nothing is lost.")
    return 0


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
