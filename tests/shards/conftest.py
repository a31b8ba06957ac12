"""Fixtures of the shard tests."""

from collections.abc import AsyncIterator

import pytest

from domain.kit.db import Database
from domain.kit.settings import Settings
from tests.shards.shop import Shop, open_shop
from tests.shards.world import Sink, World, open_world, running_sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A Bot API that takes everything."""
    async with running_sink() as found:
        yield found


@pytest.fixture
def shard_settings(settings: Settings, sink: Sink) -> Settings:
    """Settings whose Telegram is the sink."""
    return settings.model_copy(update={"telegram_api_url": sink.url})


@pytest.fixture
async def world(db: Database, shard_settings: Settings) -> AsyncIterator[World]:
    """A tenant's world without a worker."""
    async with open_world(db, shard_settings) as found:
        yield found


@pytest.fixture
async def shop(db: Database, settings: Settings) -> AsyncIterator[Shop]:
    """A tenant's bot in the Telegram simulator."""
    async with open_shop(db, settings) as found:
        yield found
