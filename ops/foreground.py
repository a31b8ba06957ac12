"""Staying in the foreground: wait for supervisord or for Ctrl-C, and stop everything in order."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ops.control import Supervisord
from ops.progress import step
from ops.refusal import FAILED, Refusal

DRAIN_SECONDS = 30  # above every stopwaitsecs, after which supervisord kills
STOP_SECONDS = 90  # for the databases, and whatever is left; supervisord goes group by group
DATABASES = frozenset({"postgres", "valkey"})


class StopRequested(Exception):  # not an error: somebody asked us to stop
    """SIGINT or SIGTERM arrived."""


@contextmanager
def stoppable(supervisord: Supervisord, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Run the block; whatever ends it, all programs are stopped, the databases last. A stop request is no error.

    A second Ctrl-C changes nothing: the stop is under way, and cutting it short would cost a drain.
    """

    def requested(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, requested)
    try:
        with suppress(StopRequested):
            yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        _stop(supervisord, process)


def wait_for_end(process: "subprocess.Popen[bytes]") -> None:
    """Wait until supervisord ends (`supervisorctl shutdown`). Raises Refusal when it did not end by itself."""
    code = process.wait()
    if code != 0:
        raise Refusal(f"supervisord ended unexpectedly (exit code {code}): start again with `replyx up`.", code=FAILED)


def _stop(supervisord: Supervisord, process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    with step("stopping"):
        supervisord.stop_programs(keep=DATABASES, seconds=DRAIN_SECONDS)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
