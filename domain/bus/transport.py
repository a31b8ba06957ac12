"""Sending and receiving signals.

A lost signal costs latency, never a message: whoever listens also polls Postgres. So `Publisher.publish` does not
raise and does not make its caller wait for a Redis that is away, and `Subscriber` reconnects for ever.
"""

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic

from redis.asyncio.client import PubSub

from domain.bus.channels import EVENTS_PATTERN, EVENTS_SUFFIX
from domain.bus.messages import Signal, decode, encode
from domain.kit.log import logger
from domain.kit.redis import DOWN, Redis

log = logger(__name__)

_ASK_EVERY = 1.0  # seconds
_PAUSE = 1.0  # seconds without Redis after it failed: a dead server must not cost every caller a timeout


class Publisher:
    """Publishes signals and keeps the snapshots of running turns; silent while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._resume_at = 0.0

    async def publish(self, signals: Iterable[tuple[str, Signal]]) -> None:
        """Send (channel, signal) pairs in order, in one round trip."""
        await self._send([("SPUBLISH", channel, encode(signal)) for channel, signal in signals])

    async def save_snapshot(self, key: str, value: bytes, ttl: int) -> None:
        """Keep the partial text of a running turn for `ttl` seconds."""
        await self._send([("SET", key, value, "EX", ttl)])

    async def drop_snapshot(self, key: str) -> None:
        """Forget it: the turn is over."""
        await self._send([("DEL", key)])

    async def save_field(self, key: str, field: str, value: bytes, ttl: int) -> None:
        """Keep a field of a hash that is forgotten `ttl` seconds after its last change."""
        await self._send([("HSET", key, field, value), ("EXPIRE", key, ttl)])

    async def snapshot(self, key: str) -> bytes | None:
        """The partial text, if there is one and Redis is there."""
        try:
            value = await self._redis.get(key)
        except DOWN:
            return None
        return value.encode() if isinstance(value, str) else value

    async def _send(self, commands: list[tuple[str | bytes | int, ...]]) -> None:
        if not commands or monotonic() < self._resume_at:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            await pipeline.execute()
        except DOWN as error:
            self._resume_at = monotonic() + _PAUSE
            log.warning("bus.publish_failed", error=str(error))


class AttentivePublisher(Publisher):
    """Leaves out events of slots to which no gateway listens: most dialogs are watched by nobody.

    Who listens is asked once a second, and a gateway that begins says so (Listening). A client reads from Postgres what
    it missed before that, and Postgres again every few seconds: an event left out in between is late, not lost.
    """

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._heard: set[str] | None = None  # None: not known, so everything is published
        self._joined: set[str] = set()

    async def publish(self, signals: Iterable[tuple[str, Signal]]) -> None:
        """Send (channel, signal) pairs in order, in one round trip."""
        heard = self._heard
        if heard is None:
            await super().publish(signals)
            return
        await super().publish(
            (channel, signal) for channel, signal in signals if channel in heard or not channel.endswith(EVENTS_SUFFIX)
        )

    def joined(self, channel: str) -> None:
        """Somebody listens to this one now."""
        self._joined.add(channel)
        if self._heard is not None:
            self._heard.add(channel)

    async def listen_for_listeners(self) -> None:
        """Eternal: ask who listens."""
        while True:
            await self.ask()
            await asyncio.sleep(_ASK_EVERY)

    async def ask(self) -> None:
        """Learn who listens now; while Redis is away, everybody may."""
        self._joined.clear()  # who joins while we ask may be missing in the answer
        try:
            found = await self._redis.execute_command("PUBSUB", "SHARDCHANNELS", EVENTS_PATTERN)  # type: ignore[no-untyped-call]
            self._heard = {channel.decode() for channel in found} | self._joined
        except DOWN:
            self._heard = None


class Subscriber:
    """Receives signals of a changing set of channels. `run` is an eternal task of its owner.

    on_signal     called for each, in order, synchronously: it must only take notes.
    on_reconnect  called after every (re)connection: signals may have been missed, so look at Postgres.
    """

    def __init__(
        self, redis: Redis, on_signal: Callable[[str, Signal], None], on_reconnect: Callable[[], None]
    ) -> None:
        self._redis = redis
        self._on_signal = on_signal
        self._on_reconnect = on_reconnect
        self._wanted: set[str] = set()
        self._pubsub: PubSub | None = None
        self._telling = asyncio.Lock()

    async def add(self, channels: Iterable[str]) -> None:
        """Listen to these too; when this returns the server has been asked (or will be, at reconnection)."""
        new = [channel for channel in channels if channel not in self._wanted]
        self._wanted.update(new)
        await self._tell("SSUBSCRIBE", new)

    async def remove(self, channels: Iterable[str]) -> None:
        """Stop listening to these."""
        old = [channel for channel in channels if channel in self._wanted]
        self._wanted.difference_update(old)
        await self._tell("SUNSUBSCRIBE", old)

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                await self._listen()
            except DOWN as error:
                log.warning("bus.disconnected", error=str(error))
            finally:
                self._pubsub = None
            await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.ssubscribe("{replyx}:keepalive")
            self._pubsub = pubsub  # before the loop: what is added while it runs is asked for by `add`
            for channel in sorted(self._wanted):
                await pubsub.ssubscribe(channel)
            self._on_reconnect()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=None)
                if message is not None and message["type"] == "smessage":
                    signal = decode(message["data"])
                    if signal is not None:
                        self._on_signal(message["channel"].decode(), signal)

    async def _tell(self, command: str, channels: list[str]) -> None:
        """One call after the other; what is wanted otherwise by now (a slot that came back) is left alone."""
        async with self._telling:
            if self._pubsub is None:
                return
            wanted = command == "SSUBSCRIBE"
            try:
                for channel in channels:
                    if (channel in self._wanted) is wanted:
                        await (self._pubsub.ssubscribe(channel) if wanted else self._pubsub.sunsubscribe(channel))
            except DOWN as error:
                log.warning("bus.subscribe_failed", error=str(error))
