"""A simulator on a clock that tests move, with a bot and a person."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from simulators.telegram import FakeClock, Options, running_simulator
from tests.simulators.telegram.client import Hook, Stage, running_hook


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    clock = FakeClock()
    async with running_simulator(Options(seed=7), clock) as sim, ClientSession() as http:
        yield Stage(sim, clock, http)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with running_hook() as running:
        yield running
