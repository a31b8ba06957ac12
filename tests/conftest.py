"""Fixtures for all tests, and the rules of the suite: no task, no warning, no outside address is left behind.

database_url   DSN (owner) of a migrated database of this test's own        settings   Settings that point at both
redis_url      an empty Valkey                                              db         domain.kit.db.Database, open
"""

import asyncio
import inspect
import ipaddress
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.kit.db import Database
from domain.kit.settings import Settings, load_settings
from tests.services import Services, running_services

_outside: list[str] = []


def pytest_configure() -> None:
    """Tests see no setting of the machine they run on, and every connection is looked at."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    sys.addaudithook(_watch_sockets)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coroutine tests check for leftover tasks last of all: the check is set up before every other fixture."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "no_leftover_tasks")


def _watch_sockets(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if isinstance(host, str | bytes) and not _is_local(host if isinstance(host, str) else host.decode()):
        _outside.append(str(host))
        raise PermissionError(f"a test tried to reach {host!r}: tests stay on this machine")


def _is_local(host: str) -> bool:
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True)
def _no_outside_sockets() -> Iterator[None]:
    """Fail the test that tried to reach another machine, even if the code swallowed the error."""
    _outside.clear()
    yield
    assert not _outside, f"the test tried to reach {_outside}"


@pytest.fixture
async def no_leftover_tasks() -> AsyncIterator[None]:
    """Fail the test that leaves a task running, or an exception that nobody looked at."""
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(
        lambda _, context: complaints.append(f"{context['message']}: {context.get('exception')!r}")
    )
    before = asyncio.all_tasks()
    yield
    for _ in range(5):  # transports and cancelled tasks finish in the next turns of the loop
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    loop.set_exception_handler(None)
    assert not left, f"the test left tasks behind: {sorted(str(task) for task in left)}"
    assert not complaints, f"the event loop complained: {complaints}"


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """The Postgres and the Valkey of this session, with a migrated template."""
    with running_services() as found:
        found.migrate_template()
        yield found


@pytest.fixture
def database_url(services: Services) -> Iterator[str]:
    """The owner's DSN of a database of this test's own."""
    with services.cloned_database() as dsn:
        yield dsn


@pytest.fixture
def redis_url(services: Services) -> str:
    """The address of an empty Valkey."""
    services.flush()
    return services.valkey.url()


@pytest.fixture
def setting_overrides() -> dict[str, Any]:
    """Fields of Settings that a module or a test wants otherwise: redefine this fixture, or fill the dict."""
    return {}


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path, setting_overrides: dict[str, Any]) -> Settings:
    """Settings of this test: its own database and Valkey, its own data folder, and nobody outside."""
    data_dir = tmp_path / "var"
    data_dir.mkdir()
    fields: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "replyx_data_dir": data_dir,
        "telegram_api_url": "http://127.0.0.1:9",  # the discard port: nobody answers
        **setting_overrides,
    }
    return load_settings(**fields)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """Pools of both roles on this test's database."""
    database = await Database.open(settings, app=4, worker=4, name="test")
    yield database
    await database.close()
