"""Redis (or Valkey): the doorbell. Everything here may be lost, and nothing waits for it longer than a moment.

redis-py repeats a command up to ten times by default; PUBLISH and counters are not idempotent, so retries are off.
"""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CALL_TIMEOUT = 0.5  # seconds; a doorbell that takes longer is worth less than the safety poll behind it

Redis = redis.Redis
DOWN = (RedisError, OSError, TimeoutError)


def connect(dsn: str, *, timeout: float | None = CALL_TIMEOUT) -> Redis:
    """A client with its own pool; connects on first use. `timeout` is a call's deadline in seconds."""
    return redis.from_url(
        dsn,
        socket_timeout=timeout,
        socket_connect_timeout=CALL_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=3,
    )
