"""What a request may use: opened once a process, closed in the reverse order."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from domain.accounts import Passwords
from domain.bus import Publisher
from domain.clients.embeddings import HttpEmbedder
from domain.clients.telegram import TelegramClient, telegram_session
from domain.inbox import InboxWriter
from domain.kit.clock import Clock, SystemClock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.redis import Redis, connect
from domain.kit.schema import check_schema
from domain.kit.sealing import KeyRing, open_keyring
from domain.kit.settings import Settings
from domain.knowledge.retrieval import Knowledge
from gateway.fanout import Fanout
from gateway.limits import RateLimit
from gateway.places import Places
from gateway.sse.history import DialogHistory
from gateway.sse.registry import Streams
from gateway.sse.timing import Timing
from gateway.static import StaticFiles
from gateway.throttle import SignInThrottle
from gateway.tokens import Tokens
from gateway.webhooks import WebhookTargets

POOL_SIZE = 10  # connections of one gateway to Postgres
_UPLOADS = 4  # files in memory at once; more wait with their bytes still in the socket
_UPLOAD_WAIT = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits of the public routes."""

    sessions: RateLimit
    messages: RateLimit
    registrations: RateLimit


@dataclass(frozen=True)
class Services:
    """Everything behind the routes. All of it is safe to use from any request at once."""

    settings: Settings
    clock: Clock
    db: Database
    redis: Redis
    publisher: Publisher
    keyring: KeyRing
    tokens: Tokens
    passwords: Passwords
    throttle: SignInThrottle
    limits: Limits
    inbox: InboxWriter
    fanout: Fanout
    streams: Streams
    history: DialogHistory
    timing: Timing
    webhooks: WebhookTargets
    places: Places
    files: StaticFiles
    http: aiohttp.ClientSession
    telegram: TelegramClient
    knowledge: Knowledge
    uploads: asyncio.Semaphore

    @asynccontextmanager
    async def upload_slot(self) -> AsyncIterator[None]:
        """The right to hold one file in memory. Raises Unavailable when others take too long with theirs."""
        try:
            async with asyncio.timeout(_UPLOAD_WAIT):
                await self.uploads.acquire()
        except TimeoutError as error:
            raise Unavailable("Too many files are being uploaded; try again in a moment.", retry_after=10) from error
        try:
            yield
        finally:
            self.uploads.release()

    def is_metrics_token(self, token: str | None) -> bool:
        """Whether it is the METRICS_TOKEN, if there is one."""
        expected = self.settings.metrics_token
        return bool(expected and token) and hmac.compare_digest(str(expected).encode(), str(token).encode())


SERVICES = web.AppKey("services", Services)


def limits(clock: Clock) -> Limits:
    """The public limits: generous for people, dull for machines."""
    return Limits(
        sessions=RateLimit(clock, rate=5, burst=100, detail="Too many chats were opened from here; wait a moment."),
        messages=RateLimit(clock, rate=1, burst=20, detail="You are writing very fast; wait a moment."),
        registrations=RateLimit(clock, rate=0.05, burst=20, detail="Too many registrations from here; wait a minute."),
    )


@asynccontextmanager
async def open_services(
    settings: Settings, *, clock: Clock | None = None, timing: Timing | None = None
) -> AsyncIterator[Services]:
    """Open pools and clients. Raises Unavailable with one sentence when Postgres does not answer."""
    clock, timing = clock or SystemClock(), timing or Timing()
    keyring = open_keyring(settings.key_file, create=settings.secret_key_file is None)
    async with AsyncExitStack() as stack:
        db = await Database.open(settings, app=POOL_SIZE, name=settings.replyx_instance or "gateway")
        stack.push_async_callback(db.close)
        await check_schema(db)
        redis = connect(settings.redis_dsn)
        stack.push_async_callback(redis.aclose)
        listener = connect(settings.redis_dsn, timeout=None)
        stack.push_async_callback(listener.aclose)
        bot_api = await stack.enter_async_context(telegram_session(connections=10))
        http = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        passwords = Passwords()
        stack.callback(passwords.close)
        embedder = HttpEmbedder.from_settings(settings)
        if embedder is not None:
            embedder.start()
            stack.push_async_callback(embedder.close)
        publisher = Publisher(redis)
        history = DialogHistory(db, publisher)
        yield Services(
            settings=settings,
            clock=clock,
            db=db,
            redis=redis,
            publisher=publisher,
            keyring=keyring,
            tokens=Tokens(keyring, clock),
            passwords=passwords,
            throttle=SignInThrottle(redis, clock),
            limits=limits(clock),
            inbox=InboxWriter(db.app_tx, publisher),
            fanout=Fanout(listener, publisher, history, clock, poll=timing.poll),
            streams=Streams(),
            history=history,
            timing=timing,
            webhooks=WebhookTargets(db, keyring, clock),
            places=Places(db, clock),
            files=StaticFiles(),
            http=http,
            telegram=TelegramClient(bot_api, settings.telegram_api_url),
            knowledge=Knowledge(db, embedder, clock),
            uploads=asyncio.Semaphore(_UPLOADS),
        )
