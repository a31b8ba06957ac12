"""How the peer scripts tell what a call came to: one line, `ok` or `error <exception class> <what it carries>`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

CARRIED = ("retry_after", "migrate_to_chat_id", "new_chat_id")


def told(error: Exception) -> str:
    """The class of an exception, and the number it carries for the caller."""
    for name in CARRIED:
        value: Any = getattr(error, name, None)
        if value is not None:
            number = value.total_seconds() if isinstance(value, timedelta) else value
            return f"error {type(error).__name__} {int(number)}"
    return f"error {type(error).__name__}"


async def obey(calls: dict[str, Callable[..., Awaitable[object]]], expected: type[Exception]) -> None:
    """Read calls from standard input, `["name", argument, ...]` a line, make them, and print what each came to.

    `["together", [call, ...]]` makes several at once and prints their outcomes in a line, as a JSON list.
    """

    async def outcome(name: str, *arguments: Any) -> str:
        try:
            await calls[name](*arguments)
        except expected as error:
            return told(error)
        return "ok"

    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, *arguments = json.loads(line)
        if name == "together":
            outcomes = await asyncio.gather(*(outcome(*call) for call in arguments[0]))
            print("told " + json.dumps(outcomes), flush=True)
        else:
            print("told " + await outcome(name, *arguments), flush=True)
