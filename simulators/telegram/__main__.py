"""`python -m simulators.telegram --port N`: run the simulator until it is told to stop."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import orjson

from simulators.telegram.core import Options
from simulators.telegram.limits import LimitSettings
from simulators.telegram.server import RunningSimulator, running_simulator


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.telegram", description="A stand-in for api.telegram.org.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--bots",
        type=Path,
        help='JSON: [{"token": ..., "username": ..., "first_name": ...}] or {"bots": [], "users": []}',
    )
    parser.add_argument("--open", action="store_true", help="any well-formed token becomes a bot at its first call")
    parser.add_argument("--strict-webhooks", action="store_true", help="https and Telegram's ports only")
    parser.add_argument("--filter", help="rem/mod: serve only bots whose id leaves that remainder, 421 for others")
    parser.add_argument("--no-limits", action="store_true", help="no flood control")
    return parser.parse_args()


def _token_filter(written: str | None) -> tuple[int, int] | None:
    if not written:
        return None
    remainder, _, modulus = written.partition("/")
    return int(remainder), int(modulus)


def load_world(simulator: RunningSimulator, data: Any) -> None:
    """Create the bots and people of a --bots file."""
    content: dict[str, Any] = data if isinstance(data, dict) else {"bots": data}
    for fields in content.get("bots", []):
        name = str(fields.get("first_name") or fields.get("name") or "")
        simulator.add_bot(str(fields.get("token", "")), username=str(fields.get("username", "")), first_name=name)
    for fields in content.get("users", []):
        simulator.add_user(int(fields.get("id", 0)), **{key: value for key, value in fields.items() if key != "id"})


def add_default_people(simulator: RunningSimulator) -> None:
    """Two people to talk as, when the file named none."""
    if not simulator.world.users:
        simulator.add_user(500_000_101, first_name="Anna", username="anna_k", language_code="en")
        simulator.add_user(500_000_102, first_name="Иван", username="ivan_p", language_code="ru")


async def _serve(arguments: argparse.Namespace) -> None:
    options = Options(
        local=not arguments.strict_webhooks,
        open=arguments.open,
        token_filter=_token_filter(arguments.filter),
        limits=LimitSettings(enabled=not arguments.no_limits),
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running_simulator(options, host=arguments.host, port=arguments.port) as simulator:
        if arguments.bots:
            load_world(simulator, orjson.loads(arguments.bots.read_bytes()))
        add_default_people(simulator)
        print(f"Telegram simulator: {simulator.url}", flush=True)  # noqa: T201  (the command's only output)
        await stop.wait()


def main() -> None:
    """Entry point. A bad --bots file or a port in use ends with one line and code 1."""
    arguments = _arguments()
    run = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  (optional: the simulator runs without it)

        run = uvloop.run
    try:
        run(_serve(arguments))
    except (OSError, ValueError) as error:
        raise SystemExit(f"The Telegram simulator cannot start: {error}") from error


if __name__ == "__main__":
    main()
