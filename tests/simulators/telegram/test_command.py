"""`python -m simulators.telegram` as a process."""

import asyncio
import json
import socket
import sys
from pathlib import Path

from aiohttp import ClientSession

ROOT = Path(__file__).parents[3]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.telegram", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_it_serves_and_stops(tmp_path: Path) -> None:
    bots = tmp_path / "bots.json"
    bots.write_text(json.dumps([{"token": "42:TEST", "username": "shop_bot", "first_name": "Shop"}]))
    process = await start("--port", "0", "--bots", str(bots), "--open")
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    url = line.removeprefix("Telegram simulator: ").strip()
    async with ClientSession() as http:
        async with http.get(f"{url}/bot42:TEST/getMe") as response:
            assert (await response.json())["result"]["username"] == "shop_bot"
        async with http.get(f"{url}/bot43:unseen/getMe") as response:
            assert response.status == 200, "--open makes a bot of any well-formed token"
        async with http.get(f"{url}/control/state") as response:
            assert [user["first_name"] for user in (await response.json())["users"]] == ["Anna", "Иван"]
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    await process.communicate()


async def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await start("--port", str(taken.getsockname()[1]))
        _, complaint = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert complaint.decode().startswith("The Telegram simulator cannot start: ")
    assert len(complaint.decode().strip().splitlines()) == 1
