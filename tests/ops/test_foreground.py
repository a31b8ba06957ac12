"""Ctrl-C at any moment: also between the start and the process that waits."""

import os
import subprocess
import sys

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


SECOND = """
import os, signal
from ops.foreground import StopRequested, stop_requests
try:
    with stop_requests():
        os.kill(os.getpid(), signal.SIGINT)
except StopRequested:
    print("first")
os.kill(os.getpid(), signal.SIGINT)
print("second waits" if signal.SIGINT in signal.sigpending() else "second is lost")
"""


def _run(code: str) -> tuple[str, str]:
    """In a process of its own: signals and their masks belong to threads, and the test runner has several."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HAND_OVER": HAND_OVER},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout, done.stderr


def test_the_first_request_raises_and_the_second_waits() -> None:
    assert _run(SECOND) == ("first\nsecond waits\n", "")


def test_a_request_during_the_hand_over_is_not_lost() -> None:
    assert _run(HAND_OVER) == ("seen\n", "")
