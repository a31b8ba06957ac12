"""The process of a shard worker: what it opens, how it listens, how it ends."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

from domain.bus import AttentivePublisher, Subscriber, bell_channel, bells_channel, members_channel
from domain.clients.embeddings import HttpEmbedder
from domain.clients.telegram import TelegramClient, telegram_session
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.redis import connect
from domain.kit.schema import check_schema
from domain.kit.sealing import open_keyring
from domain.kit.settings import Settings
from domain.kit.tasks import TaskEnded, Tasks
from shards.lease import LeaseLost
from shards.worker import Clients, Worker

if TYPE_CHECKING:
    from domain.clients.llm import LlmClient

log = logger(__name__)

WORKER_POOL = 8  # connections that write
APP_POOL = 4  # connections that read knowledge as the tenant


@asynccontextmanager
async def open_clients(settings: Settings, *, name: str) -> AsyncIterator[Clients]:
    """Open what a worker talks to. Raises Unavailable with one sentence when Postgres does not answer."""
    keyring = open_keyring(settings.key_file, create=settings.secret_key_file is None)
    db = await Database.open(settings, app=APP_POOL, worker=WORKER_POOL, name=name)
    try:
        await check_schema(db)
    except Unavailable:
        await db.close()
        raise
    redis = connect(settings.redis_dsn)
    embedder = HttpEmbedder.from_settings(settings)
    if embedder is not None:
        embedder.start()
    llm = _open_model(settings)
    session = telegram_session(connections=2000)
    try:
        yield Clients(
            db=db,
            publisher=AttentivePublisher(redis),
            telegram=TelegramClient(session, settings.telegram_api_url),
            embedder=embedder,
            llm=llm,
            keyring=keyring,
            clock=SystemClock(),
        )
    finally:
        await session.close()
        if llm is not None:
            await llm.close()
        if embedder is not None:
            await embedder.close()
        await redis.aclose()
        await db.close()


def _open_model(settings: Settings) -> "LlmClient | None":
    """The client of the model's provider. Importing it costs 0.4 s of a restart: only where there is one."""
    if not (settings.openai_api_key or settings.openai_base_url):
        return None
    from domain.clients.llm import LlmClient  # noqa: PLC0415

    return LlmClient.from_settings(settings)


def _leave_at_once(reason: LeaseLost) -> NoReturn:
    """End without tidying up: others own our slots, every commit of ours would be refused, and an answer of Telegram
    that came now could not be stored. What we were sending, the next owner has judged already."""
    log.error("worker.lease_lost", reason=str(reason))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


@asynccontextmanager
async def listening(settings: Settings, worker: Worker) -> AsyncIterator[None]:
    """Hear the doorbells of the owned slots and of the members."""
    redis = connect(settings.redis_dsn, timeout=None)
    subscriber = Subscriber(redis, worker.on_signal, worker.ownership.look)
    worker.ownership.add_user(Listener(subscriber, worker.tasks))
    await subscriber.add([members_channel(), bells_channel()])
    worker.tasks.eternal("subscriber", subscriber.run())
    try:
        yield
    finally:
        await redis.aclose()


class Listener:
    """Follows the owned slots with subscriptions."""

    def __init__(self, subscriber: Subscriber, tasks: Tasks) -> None:
        self._subscriber = subscriber
        self._tasks = tasks

    async def gained(self, slots: frozenset[int]) -> None:
        """Hear them."""
        await self._subscriber.add(bell_channel(slot) for slot in sorted(slots))

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Nothing is in flight in a subscription."""
        del slots
        return frozenset()

    async def settle(self, slots: frozenset[int]) -> None:
        """Nothing is in flight in a subscription."""

    def forget(self, slots: frozenset[int]) -> None:
        """Stop hearing them."""
        self._tasks.short("unsubscribe", self._subscriber.remove(bell_channel(slot) for slot in sorted(slots)))


def _collect_rarely() -> None:
    """Look for cycles seldom, and not in what was loaded: a message allocates much and leaves next to none behind.

    Measured with 10,000 sends of 400 bots: 107 us of CPU each, 73 with this.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(settings: Settings) -> None:
    """Run one worker until SIGTERM or SIGINT, then drain. Raises TaskEnded, Unavailable."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    program = settings.replyx_instance or "shard"
    async with open_clients(settings, name=program) as clients:
        worker = Worker(settings, clients, program=program)
        async with listening(settings, worker):
            try:
                await worker.start()
                _collect_rarely()
                log.info("worker.started", member=worker.ownership.member_id)
                await worker.run_until(stop)
                await worker.drain()
            except TaskEnded as error:
                if isinstance(error.__cause__, LeaseLost):
                    _leave_at_once(error.__cause__)
                raise
            finally:
                await worker.close()
        log.info("worker.stopped")
