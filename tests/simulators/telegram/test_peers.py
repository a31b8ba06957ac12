"""Unmodified aiogram and python-telegram-bot, as processes of their own environment, against the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from simulators.telegram import RunningSimulator, running_simulator
from simulators.telegram.model import Bot

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = ["aiogram", "ptb"]


def named(peer: str, error: str) -> str:
    """The exception a library documents for an error of Telegram."""
    names = {
        "forbidden": ("TelegramForbiddenError", "Forbidden"),
        "retry after": ("TelegramRetryAfter", "RetryAfter"),
        "bad request": ("TelegramBadRequest", "BadRequest"),
        "migrated": ("TelegramMigrateToChat", "ChatMigrated"),
        "conflict": ("TelegramConflictError", "Conflict"),
        "unauthorized": ("TelegramUnauthorizedError", "InvalidToken"),
        "not JSON": ("ClientDecodeError", "NetworkError"),
        "server": ("TelegramServerError", "NetworkError"),
        "network": ("TelegramNetworkError", "NetworkError"),
    }
    return f"error {names[error][PEERS.index(peer)]}"


def seconds(peer: str, line: str) -> int:
    """How long the library was told to wait."""
    error, number = line.rsplit(" ", 1)
    assert error == named(peer, "retry after")
    return int(number)


class Peer:
    """A running bot and the lines it prints."""

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

    def ask(self, *call: Any) -> None:
        """Tell it to make a call."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(call).encode() + b"\n")

    async def call(self, *call: Any) -> str:
        """What a call came to."""
        self.ask(*call)
        return (await self.line("told")).removeprefix("told ")

    async def together(self, *calls: tuple[Any, ...]) -> list[str]:
        """What calls came to that were made at once."""
        outcomes: list[str] = json.loads(await self.call("together", calls))
        return outcomes


@asynccontextmanager
async def running_peer(sim: RunningSimulator, bot: Bot, script: str, *arguments: str) -> AsyncIterator[Peer]:
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), str(ROOT / "tests" / "peers" / script), sim.url, bot.token, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"NO_PROXY": "*", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        running = Peer(process)
        await running.line("ready")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("mode", ["poll", "webhook"])
@pytest.mark.parametrize("peer", PEERS)
async def test_echo_and_refusals(peer: str, mode: str) -> None:
    async with running_simulator() as sim:
        bot = sim.add_bot(username="peer_bot")
        user = sim.add_user(first_name="Ann")
        async with running_peer(sim, bot, f"{peer}_echo.py", mode) as running:
            sim.say(bot, user, "привет 😀")
            await sim.wait_for(lambda: sim.answers(bot, user) == [f"{peer}: привет 😀"], 30)
            sim.say(bot, user, "then blocks")
            sim.people.block(bot, user)
            assert await running.line("error") == named(peer, "forbidden")
            sim.people.unblock(bot, user)
            sim.core.limits.hold(bot.id, user, 700)
            sim.say(bot, user, "too fast")
            assert 600 < seconds(peer, await running.line("error")) <= 701
            sim.core.limits.hold(bot.id, user, 0)
            sim.fault("sendMessage", "error", description="Bad Request: message text is empty")
            sim.say(bot, user, "bad")
            assert await running.line("error") == named(peer, "bad request")
            moved = "Bad Request: group chat was upgraded to a supergroup chat"
            sim.fault("sendMessage", "error", description=moved, parameters={"migrate_to_chat_id": -100_500})
            sim.say(bot, user, "moved")
            assert await running.line("error") == named(peer, "migrated") + " -100500"
            sim.fault("sendMessage", "502")
            sim.say(bot, user, "gateway")
            assert await running.line("error") == named(peer, "not JSON")
            sim.say(bot, user, "still there")
            await sim.wait_for(lambda: sim.answers(bot, user)[-1] == f"{peer}: still there", 30)


@pytest.mark.parametrize("peer", PEERS)
async def test_limits_and_states(peer: str) -> None:
    async with running_simulator() as sim:
        bot = sim.add_bot(username="peer_bot")
        user = sim.add_user(first_name="Ann")
        sim.say(bot, user, "/start")
        group = sim.world.add_group("G", "group")
        group.members.add(bot.id)
        async with running_peer(sim, bot, f"{peer}_calls.py") as running:
            assert await running.together(*[("send", user, "x")] * 6) == ["ok"] * 6, "a small flood is only slow"
            sent = await running.together(*[("send", group.id, "x")] * 22)
            assert sent.count("ok") == 20
            assert all(30 < seconds(peer, line) <= 61 for line in sent if line != "ok")
            assert await running.call("draft", group.id, 1, "x") == named(peer, "bad request")
            assert await running.call("send", user, "x" * 4097) == named(peer, "bad request")
            group.migrated_to = -100_777
            assert await running.call("send", group.id, "x") == named(peer, "migrated") + " -100777"
            sim.core.limits.hold(bot.id, 0, 10_072)
            assert 10_000 < seconds(peer, await running.call("send", user, "x")) <= 10_073
            sim.fault("getMe", "500")
            assert await running.call("me") == named(peer, "server")
            sim.fault("getMe", "close")
            assert await running.call("me") == named(peer, "network")
            sim.world.add_bot(f"{bot.id}:another-secret")
            assert await running.call("me") == named(peer, "unauthorized")


@pytest.mark.parametrize("peer", PEERS)
async def test_two_pollers_and_a_webhook(peer: str) -> None:
    async with running_simulator() as sim:
        bot = sim.add_bot(username="peer_bot")
        async with running_peer(sim, bot, f"{peer}_calls.py") as first, ClientSession() as http:
            first.ask("updates", 50)
            async with asyncio.timeout(20):
                while bot.poll.waiter is None:
                    await asyncio.sleep(0.01)
            async with http.get(f"{sim.url}/bot{bot.token}/getUpdates?timeout=1") as second:
                assert second.status == 200
            assert await first.line("told") == "told " + named(peer, "conflict")
            async with http.get(f"{sim.url}/bot{bot.token}/setWebhook?url=http://127.0.0.1:9/hook") as setting:
                assert setting.status == 200
            assert await first.call("updates", 1) == named(peer, "conflict")


async def test_the_rate_limiter_of_python_telegram_bot() -> None:
    async with running_simulator() as sim:
        bot = sim.add_bot(username="peer_bot")
        people = [sim.add_user() for _ in range(40)]
        for person in people:
            sim.say(bot, person, "hi")
        async with running_peer(sim, bot, "ptb_calls.py", "2") as running:
            assert await running.together(*[("send", person, "x") for person in people]) == ["ok"] * 40
            sim.fault("sendMessage", "429", retry_after=1)
            assert await running.call("send", people[0], "again") == "ok"
            statuses = [call.status for call in sim.calls("sendMessage")]
            assert statuses == [200] * 40 + [429, 200], "it waited for as long as it was told, and tried once more"
            last = sim.calls("sendMessage")[-2:]
            assert last[1].arrived - last[0].arrived >= 1.0
