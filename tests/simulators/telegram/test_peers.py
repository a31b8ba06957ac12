"""Unmodified aiogram and python-telegram-bot bots, as processes of their own environment, against the simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.telegram import RunningSimulator, running_simulator
from simulators.telegram.model import Bot

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = {"aiogram": "aiogram_echo.py", "ptb": "ptb_echo.py"}
NAMES = {
    "aiogram": ("TelegramForbiddenError", "TelegramRetryAfter", "TelegramBadRequest"),
    "ptb": ("Forbidden", "RetryAfter", "BadRequest"),
}


class Peer:
    """A running echo bot and the lines it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self, beginning: str) -> str:
        """The next line that begins so."""
        assert self.process.stdout is not None
        async with asyncio.timeout(40):
            while True:
                raw = await self.process.stdout.readline()
                assert raw, f"the bot ended with {await self.process.wait()}"
                if raw.decode().startswith(beginning):
                    return raw.decode().strip()


@asynccontextmanager
async def running_peer(sim: RunningSimulator, bot: Bot, peer: str, mode: str) -> AsyncIterator[Peer]:
    script = ROOT / "tests" / "peers" / PEERS[peer]
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), str(script), sim.url, bot.token, mode,
        stdout=asyncio.subprocess.PIPE, env={"NO_PROXY": "*", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        running = Peer(process)
        await running.line("ready")
        yield running
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("mode", ["poll", "webhook"])
@pytest.mark.parametrize("peer", sorted(PEERS))
async def test_echo_and_refusals(peer: str, mode: str) -> None:
    async with running_simulator() as sim:
        bot = sim.add_bot(username="peer_bot")
        user = sim.add_user(first_name="Ann")
        async with running_peer(sim, bot, peer, mode) as running:
            sim.say(bot, user, "привет 😀")
            await sim.wait_for(lambda: sim.answers(bot, user) == [f"{peer}: привет 😀"], 30)
            forbidden, retry_after, bad_request = NAMES[peer]
            sim.say(bot, user, "then blocks")
            sim.people.block(bot, user)
            assert await running.line("error") == f"error {forbidden}"
            sim.people.unblock(bot, user)
            sim.fault("sendMessage", "429", retry_after=2)
            sim.say(bot, user, "too fast")
            assert await running.line("error") == f"error {retry_after}"
            sim.fault("sendMessage", "error", code=400, description="Bad Request: message text is empty")
            sim.say(bot, user, "bad")
            assert await running.line("error") == f"error {bad_request}"
            sim.say(bot, user, "still there")
            await sim.wait_for(lambda: sim.answers(bot, user)[-1] == f"{peer}: still there", 30)
