"""Ctrl-C at any moment: also between the start and the process that waits."""

import os
import signal
import subprocess
import sys

import pytest

from ops.foreground import StopRequested, stop_requests

HAND_OVER = """
import os, signal, sys
from ops.foreground import StopRequested, stop_requests
if len(sys.argv) == 1:
    with stop_requests():
        pass
    os.kill(os.getpid(), signal.SIGINT)
    os.execv(sys.executable, [sys.executable, "-c", os.environ["HAND_OVER"], "after"])
try:
    with stop_requests():
        signal.pause()
except StopRequested:
    print("seen")
"""


def test_the_first_request_raises_and_the_second_waits() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(StopRequested), stop_requests():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.SIGINT in signal.sigpending()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # drops the pending one
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before[0])
        signal.signal(signal.SIGINT, before[1])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_request_during_the_hand_over_is_not_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HAND_OVER],
        env={**os.environ, "HAND_OVER": HAND_OVER},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("seen\n", "")
