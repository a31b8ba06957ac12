"""A running gateway a test."""

from collections.abc import AsyncIterator

import pytest

from domain.kit.settings import Settings
from tests.gateway.running import Gateway, running_gateway


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """One gateway."""
    async with running_gateway(settings) as running:
        yield running


@pytest.fixture
async def second_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Another one on the same Postgres and Valkey."""
    async with running_gateway(settings) as running:
        yield running
