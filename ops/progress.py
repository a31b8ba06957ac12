"""What the terminal shows: one line a step, with the time it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """A line, at once."""
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """`  text ... 0.4 s` when the block is done; the failure itself is the caller's to tell."""
    print(f"  {text} ... ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("stopped", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)
