"""Limits of use. Local to the process on purpose: they work without Redis, and N gateways allow at most N times more.

Sign-in failures are also counted in Redis, so that an attacker gains nothing from several gateways.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from domain.kit.clock import Clock
from domain.kit.errors import Quota
from domain.kit.redis import DOWN, Redis

_KEYS_MAX = 50_000  # keys remembered by one limit; the one unused for longest is forgotten


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class RateLimit:
    """A token bucket a key: `burst` at once, then `rate` a second."""

    def __init__(self, clock: Clock, *, rate: float, burst: int, detail: str) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._detail = detail
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Use one. Raises Quota with the seconds until the next."""
        now = self._clock.monotonic()
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > _KEYS_MAX:
            self._buckets.popitem(last=False)
        if bucket.level < 1:
            raise Quota(self._detail, retry_after=(1 - bucket.level) / self._rate)
        bucket.level -= 1


class LoginThrottle:
    """Slows down guessing of passwords: after FREE failures of one address on one account, or of one address on any,
    each further try waits. Nobody is locked out for long: that would let an attacker lock out others."""

    FREE_PAIR = 5
    FREE_IP = 30
    WINDOW = 15 * 60  # seconds a failure is remembered

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    async def check(self, *, ip: str, email: str) -> None:
        """Raises Quota while too many failures are remembered."""
        for key, free in self._keys(ip, email):
            if await self._count(key) >= free:
                raise Quota("Too many failed sign-ins; wait a few minutes and try again.", retry_after=self.WINDOW / 5)

    async def failed(self, *, ip: str, email: str) -> None:
        """Remember a failure."""
        for key, _ in self._keys(ip, email):
            self._failures[key] = [*self._recent(key), self._clock.monotonic()]
            self._failures.move_to_end(key)
            if len(self._failures) > _KEYS_MAX:
                self._failures.popitem(last=False)
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    pipeline.incr(key)
                    pipeline.expire(key, self.WINDOW)
                    await pipeline.execute()
            except DOWN:
                continue

    async def succeeded(self, *, ip: str, email: str) -> None:
        """Forget the failures of this address on this account."""
        key = self._keys(ip, email)[0][0]
        self._failures.pop(key, None)
        try:
            await self._redis.delete(key)
        except DOWN:
            return

    async def _count(self, key: str) -> int:
        local = len(self._recent(key))
        try:
            shared = int(await self._redis.get(key) or 0)
        except DOWN:
            shared = 0
        return max(local, shared)

    def _recent(self, key: str) -> list[float]:
        oldest = self._clock.monotonic() - self.WINDOW
        return [at for at in self._failures.get(key, ()) if at > oldest]

    def _keys(self, ip: str, email: str) -> list[tuple[str, int]]:
        account = hashlib.sha256(f"{ip}|{email.strip().lower()}".encode()).hexdigest()[:32]
        address = hashlib.sha256(ip.encode()).hexdigest()[:32]
        return [(f"{{login:{account}}}:fails", self.FREE_PAIR), (f"{{login:{address}}}:fails", self.FREE_IP)]
