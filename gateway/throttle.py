"""Guessing passwords is slowed down: a delay, never a lock-out.

A try counts when it starts, so that tries at once are counted as well, and is forgotten when it succeeds. From FREE_...
tries on, each makes the next one wait 1, 2, 4, ... seconds, MOST_WAIT at most; a refused try counts for nothing.
Counters are in Redis, so that an attacker gains nothing from several gateways; without Redis each gateway counts alone.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

from domain.kit.clock import Clock
from domain.kit.errors import Quota
from domain.kit.redis import DOWN, Redis

FREE_PAIR = 5  # tries of one address on one account
FREE_ADDRESS = 30  # tries of one address on any account
MOST_WAIT = 60  # seconds
WINDOW = 15 * 60  # seconds after the last try until all are forgotten

_KEYS_MAX = 50_000  # counters kept without Redis; the one unused for longest is forgotten

# Counts a try, or returns the milliseconds until one is allowed. One key, one script: two gateways cannot both take the
# one try that is left.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blocked = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
if blocked > now then return blocked - now end
local free, most, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
if tries >= free then
    redis.call('HSET', KEYS[1], 'until', now + 1000 * math.min(2 ^ math.min(tries - free, 30), most))
end
redis.call('EXPIRE', KEYS[1], window)
return 0
"""

# Forgets one try and the wait it began.
_GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[1], 'until')
if redis.call('HINCRBY', KEYS[1], 'tries', -1) <= 0 then redis.call('DEL', KEYS[1]) end
return 0
"""


def wait_after(tries: int, free: int) -> float:
    """Seconds until the next try. The script says the same."""
    return min(2.0 ** min(tries - free, 30), MOST_WAIT) if tries >= free else 0.0


@dataclass(slots=True)
class _Tries:
    count: int = 0
    until: float = 0.0
    forgotten_at: float = 0.0


class SignInThrottle:
    """Counts tries by (address, account) and by address."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._local: OrderedDict[str, _Tries] = OrderedDict()

    async def take(self, *, ip: str, email: str) -> None:
        """Count a try that begins. Raises Quota with the seconds until one is allowed."""
        pair, address = keys_of(ip, email)
        await self._take(address, FREE_ADDRESS)
        try:
            await self._take(pair, FREE_PAIR)
        except Quota:
            await self._give_back(address)
            raise

    async def succeeded(self, *, ip: str, email: str) -> None:
        """The try was no guess: forget it, and all of this address on this account."""
        pair, address = keys_of(ip, email)
        await self._give_back(address)
        self._local.pop(pair, None)
        try:
            await self._redis.delete(pair)
        except DOWN:
            return

    async def _take(self, key: str, free: int) -> None:
        try:
            wait = int(await self._run(_TAKE, key, free, MOST_WAIT, WINDOW)) / 1000
        except DOWN:
            wait = self._take_here(key, free)
        if wait > 0:
            raise Quota("Too many sign-ins that failed; wait a moment and try again.", retry_after=wait)

    async def _give_back(self, key: str) -> None:
        try:
            await self._run(_GIVE_BACK, key)
        except DOWN:
            if (tries := self._local.get(key)) is not None:
                tries.count, tries.until = max(tries.count - 1, 0), 0.0

    async def _run(self, script: str, key: str, *arguments: int) -> int:
        given = [str(argument) for argument in arguments]
        return await cast("Awaitable[int]", self._redis.eval(script, 1, key, *given))

    def _take_here(self, key: str, free: int) -> float:
        """The script's work without Redis."""
        now = self._clock.monotonic()
        tries = self._local.pop(key, None)
        if tries is None or tries.forgotten_at <= now:
            tries = _Tries()
        self._local[key] = tries
        if len(self._local) > _KEYS_MAX:
            self._local.popitem(last=False)
        if tries.until > now:
            return tries.until - now
        tries.count += 1
        tries.until = now + wait_after(tries.count, free)
        tries.forgotten_at = now + WINDOW
        return 0.0


def keys_of(ip: str, email: str) -> tuple[str, str]:
    """The counters of an address on an account, and of the address."""
    pair = hashlib.sha256(f"{ip}|{email.strip().lower()}".encode()).hexdigest()[:32]
    address = hashlib.sha256(ip.encode()).hexdigest()[:32]
    return f"{{login:{pair}}}:tries", f"{{login:{address}}}:tries"
