"""Limits of use. Local to the process on purpose: they work without Redis, and N gateways allow at most N times more.

Sign-ins have a limit of their own, shared by all gateways: `gateway.throttle`.
"""

from collections import OrderedDict
from dataclasses import dataclass

from domain.kit.clock import Clock
from domain.kit.errors import Quota

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
