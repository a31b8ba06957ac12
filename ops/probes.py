"""Does it answer? One function a service; each raises Refusal with one clear line when it does not."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from domain.kit.log import redact
from ops.refusal import FAILED, SERVICE_DOWN, Refusal

_NOT_HTTP = (OSError, http.client.HTTPException)


def probe_postgres(dsn: str, variable: str = "DATABASE_URL") -> None:
    """Log in."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.Error as error:
        raise unusable_postgres(error, variable) from error


def unusable_postgres(error: Exception, variable: str = "DATABASE_URL") -> Refusal:
    """The refusal for a Postgres that cannot be reached or does not let us in."""
    return Refusal(
        f"Postgres cannot be used: {_reason(error)}. Check {variable}, and that the server runs and lets this user in.",
        code=SERVICE_DOWN,
    )


def _reason(error: Exception) -> str:
    """The line of libpq's message that says it: the last address that was tried, without the question after it."""
    lines = [line.strip(" -\t") for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "failed:" in line or "FATAL:" in line]
    return redact((telling or lines or [repr(error)])[-1].removeprefix("connection failed: ").rstrip("."))


def probe_redis(dsn: str) -> None:
    """PING."""
    retry = Retry(NoBackoff(), 0)
    try:
        with redis.Redis.from_url(dsn, socket_connect_timeout=5, socket_timeout=5, retry=retry) as client:
            client.ping()
    except redis.RedisError as error:
        raise Refusal(
            f"Redis cannot be used: {redact(str(error)).rstrip('.')}. Check REDIS_URL, and that the server runs.",
            code=SERVICE_DOWN,
        ) from error


def probe_http(url: str, *, seconds: float = 5) -> int:
    """GET `url`; the status, whatever it is. Raises Refusal when nobody answers."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Refusal(f"{url} is not an http address.", code=SERVICE_DOWN)
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310  # the scheme is checked above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except _NOT_HTTP as error:
        raise Refusal(f"{url} does not answer: {error}.", code=SERVICE_DOWN) from error


def wait_until(check: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Wait until `check` is true. Raises Refusal that `what` did not happen."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise Refusal(f"{what} (waited {seconds:.0f} s).", code=FAILED)
        time.sleep(0.05)
