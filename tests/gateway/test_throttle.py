"""Sign-ins that fail: longer and longer delays with their true length, for bursts too, with Redis and without."""

import asyncio
from collections.abc import AsyncIterator
from math import ceil

import pytest

from domain.kit.clock import SystemClock
from domain.kit.errors import Quota
from domain.kit.redis import Redis, connect
from gateway.throttle import FREE_ADDRESS, FREE_PAIR, MOST_WAIT, SignInThrottle, keys_of, wait_after
from tests.gateway.test_stream_loop import HandClock

IP, EMAIL = "203.0.113.7", "ann@example.com"
PAIR, ADDRESS = keys_of(IP, EMAIL)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def throttle(redis: Redis) -> SignInThrottle:
    return SignInThrottle(redis, SystemClock())


async def refusal(throttle: SignInThrottle, *, ip: str = IP, email: str = EMAIL) -> float:
    """The seconds that a try has to wait; 0 when it is let through."""
    try:
        await throttle.take(ip=ip, email=email)
    except Quota as error:
        return error.retry_after or 0.0
    return 0.0


async def over(redis: Redis, *keys: str) -> None:
    """The wait is over."""
    for key in keys:
        await redis.hset(key, "until", "0")


async def test_each_try_makes_the_next_one_wait_twice_as_long(throttle: SignInThrottle, redis: Redis) -> None:
    waits = []
    for _ in range(FREE_PAIR - 1):
        assert await refusal(throttle) == 0
    for _ in range(9):
        assert await refusal(throttle) == 0
        waits.append(ceil(await refusal(throttle)))
        await over(redis, PAIR)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits == [ceil(wait_after(FREE_PAIR + extra, FREE_PAIR)) for extra in range(9)]
    assert MOST_WAIT == 60


async def test_refused_tries_make_nobody_wait_longer(throttle: SignInThrottle, redis: Redis) -> None:
    await redis.hset(PAIR, "tries", "20")
    assert await refusal(throttle) == 0
    waits = [await refusal(throttle) for _ in range(20)]
    assert all(0 < wait <= MOST_WAIT for wait in waits)
    assert waits == sorted(waits, reverse=True)
    assert await redis.hget(ADDRESS, "tries") == b"1"


async def test_a_burst_at_once_gets_no_more_tries_than_one_after_the_other(redis: Redis) -> None:
    throttles = [SignInThrottle(redis, SystemClock()) for _ in range(2)]
    waits = await asyncio.gather(*(refusal(throttles[number % 2]) for number in range(20)))
    assert waits.count(0) == FREE_PAIR


async def test_success_forgets(throttle: SignInThrottle, redis: Redis) -> None:
    for _ in range(FREE_PAIR * 3):
        assert await refusal(throttle) == 0
        await throttle.succeeded(ip=IP, email=EMAIL)
    assert await redis.keys("*") == []


async def test_an_address_that_tries_many_accounts_waits(throttle: SignInThrottle, redis: Redis) -> None:
    for number in range(FREE_ADDRESS):
        assert await refusal(throttle, email=f"{number}@example.com") == 0
    assert 0 < await refusal(throttle, email="new@example.com") <= 1
    assert await refusal(throttle, ip="203.0.113.8", email="new@example.com") == 0
    await over(redis, ADDRESS)
    assert await refusal(throttle, email="new@example.com") == 0
    assert 1 < await refusal(throttle, email="other@example.com") <= 2


async def test_every_counter_ends_by_itself(throttle: SignInThrottle, redis: Redis) -> None:
    await refusal(throttle)
    for key in (PAIR, ADDRESS):
        assert 0 < await redis.ttl(key) <= 900


async def test_without_redis_each_gateway_counts_alone() -> None:
    redis, clock = connect("redis://127.0.0.1:9"), HandClock()
    throttle = SignInThrottle(redis, clock)
    for _ in range(FREE_PAIR):
        assert await refusal(throttle) == 0
    assert await refusal(throttle) == 1
    clock.time += 0.75
    assert await refusal(throttle) == 0.25
    clock.time += 0.25
    assert await refusal(throttle) == 0
    assert await refusal(throttle) == 2
    clock.time += 2
    assert await refusal(throttle) == 0
    await throttle.succeeded(ip=IP, email=EMAIL)
    assert await refusal(throttle) == 0
    clock.time += 901
    assert [await refusal(throttle) for _ in range(FREE_PAIR)] == [0] * FREE_PAIR
    await redis.aclose()
