"""The real process: starts, shares supervisord's socket, refuses with one sentence, ends in time."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.kit.settings import Settings
from gateway.server import SHUTDOWN_SECONDS
from tests.gateway.conversation import EventStream

DEADLINE = 60.0


@contextmanager
def gateway_process(settings: Settings, *, stdin: Any = subprocess.DEVNULL, **more: str) -> Iterator[Any]:
    """`python -m gateway`, killed at the end whatever happens."""
    chosen = {name.upper(): str(value) for name, value in settings.model_dump().items() if value not in (None, "")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **chosen, **more},
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket, as supervisord holds it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(128)
        yield sock


async def healthy(url: str, process: Any) -> bool:
    """Wait until it answers. A process that ended is named with what it said: its socket would only stay silent."""
    patience = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=patience) as session, asyncio.timeout(DEADLINE):
        while True:
            assert process.poll() is None, process.stderr.read().decode()
            try:
                async with session.get(f"{url}/health") as response:
                    return response.status == 200
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.05)


async def test_two_processes_share_one_socket_and_one_may_go(settings: Settings, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with gateway_process(settings, stdin=listener) as first, gateway_process(settings, stdin=listener) as second:
        assert await healthy(url, first)
        first.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, DEADLINE) == 0
        assert await healthy(url, second), "the other gateway lost the shared socket"
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, DEADLINE) == 0
    listener.getsockname()


async def test_a_stream_of_the_real_process_ends_politely(settings: Settings, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with gateway_process(settings, stdin=listener) as process:
        assert await healthy(url, process)
        async with aiohttp.ClientSession(url) as session:
            person = {"email": "a@example.com", "password": "correct horse", "name": "A", "workspace": "A"}
            token = (await post(session, "/api/auth/register", person))["access_token"]
            assistant = await post(session, "/api/assistants", {"name": "Mia"}, token)
            site = await post(session, "/api/sites", {"name": "Shop", "assistant_id": assistant["id"]}, token)
            visitor = await post(session, f"/api/widget/{site['site_key']}/sessions", {})
            headers = {"Authorization": f"Bearer {visitor['visitor_token']}"}
            async with session.get(f"/events?dialog={visitor['dialog_id']}", headers=headers) as response:
                stream = EventStream(response)
                await stream.until("ready")
                process.send_signal(signal.SIGTERM)
                assert (await stream.to_the_end())[-1].name == "retry"
        assert await asyncio.to_thread(process.wait, DEADLINE) == 0


async def post(session: aiohttp.ClientSession, path: str, body: Any, token: str = "") -> Any:
    """A request that must succeed."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.post(path, json=body, headers=headers) as response:
        assert response.status < 300, await response.text()
        return await response.json()


async def test_a_port_in_use_is_one_sentence(settings: Settings, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with gateway_process(settings.model_copy(update={"port": port})) as process:
        _, errors = await asyncio.to_thread(process.communicate, None, DEADLINE)
        assert process.returncode == 3
        assert (
            errors.decode().strip()
            == f"gateway: Port {port} cannot be used: Address already in use. Set PORT to a free one."
        )


async def test_a_refused_postgres_is_one_sentence(settings: Settings, listener: socket.socket) -> None:
    url = "postgresql://nobody:wrong@127.0.0.1:9/nothing"
    with gateway_process(settings.model_copy(update={"database_url": url}), stdin=listener) as process:
        _, errors = await asyncio.to_thread(process.communicate, None, DEADLINE)
        assert process.returncode == 3
        [line] = errors.decode().strip().splitlines()
        assert "DATABASE_URL" in line


async def test_a_bad_setting_is_one_sentence(settings: Settings) -> None:
    with gateway_process(settings, LOG_LEVEL="LOUD", PORT="x") as process:
        _, errors = await asyncio.to_thread(process.communicate, None, DEADLINE)
        assert process.returncode == 2
        lines = errors.decode().strip().splitlines()
        assert len(lines) == 2
        assert all(line.startswith(("gateway: LOG_LEVEL: ", "gateway: PORT: ")) for line in lines)


def test_supervisord_waits_longer_than_the_end_takes() -> None:
    text = (Path(__file__).parents[2] / "supervisor.conf").read_text()
    program = text.split("[fcgi-program:gateway]")[1].split("\n[")[0]
    [seconds] = [int(line.partition("=")[2]) for line in program.splitlines() if line.startswith("stopwaitsecs=")]
    assert seconds > SHUTDOWN_SECONDS
