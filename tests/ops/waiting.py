"""Waiting for a thing, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(check: Callable[[], Awaitable[bool]], *, seconds: float = 60) -> None:
    """Return as soon as `check` is true; fail the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, f"{check} was not true in {seconds} s"
        await asyncio.sleep(0.02)
