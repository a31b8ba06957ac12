"""Staying in the foreground: wait for supervisord or for Ctrl-C, and stop everything in order."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ops.progress import step
from ops.refusal import FAILED, Refusal

STOP_SECONDS = 120  # supervisord stops group by group, so stop times add up


class StopRequested(Exception):  # not an error: somebody asked us to stop
    """SIGINT or SIGTERM arrived."""


@contextmanager
def stoppable(supervisord: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """Run the block; whatever ends it, supervisord and its programs are stopped in order. A stop request is no error.

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
            yield supervisord
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        _stop(supervisord)


def wait_for_end(supervisord: "subprocess.Popen[bytes]") -> None:
    """Wait until supervisord ends (`supervisorctl shutdown`). Raises Refusal when it did not end by itself."""
    code = supervisord.wait()
    if code != 0:
        raise Refusal(f"supervisord ended unexpectedly (exit code {code}): start again with `replyx up`.", code=FAILED)


def _stop(supervisord: "subprocess.Popen[bytes]") -> None:
    if supervisord.poll() is not None:
        return
    with step("stopping"):
        supervisord.terminate()
        try:
            supervisord.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            supervisord.kill()
            supervisord.wait()
