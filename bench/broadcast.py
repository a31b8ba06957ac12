"""Bots that send as much as they may: `python -m bench.broadcast [--seconds S] [--json]`.

1, 10 and 100 bots with full outboxes (priority 9) on one shard, against the strict simulator, which holds and refuses
whoever exceeds Telegram's limits. The share of the allowed rate that was reached, from the arrivals; the fullest second
of any bot, at the socket's writes and at the arrivals (which a busy machine bunches); and the 429s. Twice a second a
reply (priority 0) is put beside the broadcast of the first bot: how long until it arrives. 100 bots have a rate of 10,
so that the simulator's one core is not the limit.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import orjson

from bench.crowd import FIRST_PERSON
from bench.installation import child, installation
from bench.report import options, percentile, report
from bench.sink import FIRST_BOT
from domain.bus import Bell, Publisher, bell_channel
from domain.kit.db import Database
from domain.kit.ids import uuid7
from domain.kit.redis import connect
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from domain.outbox import BULK, REPLY, OutboxDraft
from domain.outbox import service as outbox

CASES = ((1, 30), (10, 30), (100, 10))  # bots, rate
PEOPLE = 120  # of each bot: nobody is written to more often than once in four seconds
REPLIES_TO = 20  # further people, for the replies
STARTING = 6.0  # seconds of rows more than are measured: connections are opened, the shard takes its slots
REPLY_EVERY = 0.5
MIN_SHARE = 0.97


def _draft(tenant: UUID, bot_id: int, person: int, text: str, priority: int) -> OutboxDraft:
    chat = FIRST_PERSON + person
    payload = {"chat_id": chat, "text": text}
    slot = slot_of_bot(bot_id)
    return OutboxDraft(tenant, slot, bot_id, uuid7(), uuid7(), chat, 0, 1, "sendMessage", payload, priority)


async def _set_rate(settings: Settings, rate: int) -> None:
    """Before the shard reads its bots."""
    db = await Database.open(settings, worker=1, name="bench")
    try:
        async with db.worker_tx() as conn:
            await conn.execute("UPDATE bots SET rate = $1, updated_at = now()", rate)
    finally:
        await db.close()


async def _load(settings: Settings, bots: int, rate: int, seconds: float) -> dict[str, float]:
    """Fill the outboxes, then put replies beside them; returns when (monotonic) each reply was committed."""
    db = await Database.open(settings, app=1, worker=2, name="bench")
    redis = connect(settings.redis_dsn)
    try:
        async with db.worker_tx() as conn:
            tenants = {row["id"]: row["tenant_id"] for row in await conn.fetch("SELECT id, tenant_id FROM bots")}
        for number in range(bots):
            bot_id = FIRST_BOT + number
            count = int(rate * (seconds + STARTING))
            drafts = [_draft(tenants[bot_id], bot_id, n % PEOPLE, f"news {n}", BULK) for n in range(count)]
            async with db.worker_tx() as conn:
                await outbox.enqueue(conn, drafts)
        return await _reply(db, Publisher(redis), tenants[FIRST_BOT], seconds)
    finally:
        await redis.aclose()
        await db.close()


async def _reply(db: Database, publisher: Publisher, tenant: UUID, seconds: float) -> dict[str, float]:
    committed: dict[str, float] = {}
    slot = slot_of_bot(FIRST_BOT)
    for number in range(int((seconds + STARTING / 2) / REPLY_EVERY)):
        text = f"reply {number}"
        async with db.worker_tx() as conn:
            person = PEOPLE + number % REPLIES_TO
            await outbox.enqueue(conn, [_draft(tenant, FIRST_BOT, person, text, REPLY)])
        committed[text] = time.monotonic()
        await publisher.publish([(bell_channel(slot), Bell(slot, "outbox"))])
        await asyncio.sleep(REPLY_EVERY)
    return committed


def _get(port: int, path: str) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{port}/control/{path}", timeout=60) as answer:
        found: dict[str, Any] = orjson.loads(answer.read())
    return found


def _judge(
    history: dict[str, Any], writes: dict[str, list[float]], rate: int, seconds: float, committed: dict[str, float]
) -> dict[str, float]:
    column = {name: place for place, name in enumerate(history["columns"])}
    arrivals: dict[int, list[float]] = defaultdict(list)
    for row in history["rows"]:
        arrivals[row[column["bot_id"]]].append(row[column["arrived"]])
    begin = max(min(times) for times in arrivals.values()) + 1.0
    shares = [sum(begin <= at < begin + seconds for at in times) / (rate * seconds) for times in arrivals.values()]
    at = {row[column["text"]]: row[column["arrived"]] for row in history["rows"]}
    delays = [(at[text] - when) * 1000 for text, when in committed.items() if text in at and when > begin]
    return {
        "share of the rate": sum(shares) / len(shares),
        "share, slowest bot": min(shares),
        "fullest second written / limit": max(_fullest(sorted(times)) for times in writes.values()) / rate,
        "fullest second arrived / limit": max(_fullest(sorted(times)) for times in arrivals.values()) / rate,
        "429s": float(sum(row[column["status"]] == 429 for row in history["rows"])),
        "reply p50 ms": percentile(delays, 0.5),
        "reply p95 ms": percentile(delays, 0.95),
    }


def _fullest(times: list[float]) -> int:
    """The most arrivals in any second; two exactly a second apart do not share one."""
    most = first = 0
    for last, when in enumerate(times):
        while times[first] <= when - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def run(bots: int, rate: int, seconds: float) -> dict[str, float]:
    """One case."""
    with child("bench.crowd", str(bots), str(PEOPLE + REPLIES_TO), pipes=True) as simulator:
        assert simulator.stdout is not None
        port = int(simulator.stdout.readline())
        with installation(f"http://127.0.0.1:{port}", count=bots, mode="webhook", gateways=0, shards=0) as found:
            file = found.settings.replyx_data_dir / "writes.json"
            given = {name.upper(): str(v) for name, v in found.settings.model_dump().items() if v not in (None, "")}
            asyncio.run(_set_rate(found.settings, rate))
            with child("bench.written", str(file), env={**given, "REPLYX_INSTANCE": "shard-00"}):
                committed = asyncio.run(_load(found.settings, bots, rate, seconds))
                _wait(port, int(bots * rate * (seconds + 1.5)))
            writes = orjson.loads(file.read_bytes())
        return _judge(_get(port, "history"), writes, rate, seconds, committed)


def _wait(port: int, count: int) -> None:
    """Until so many have arrived, or they are late."""
    deadline = time.monotonic() + 60
    with suppress(OSError):
        while time.monotonic() < deadline and _get(port, "history/summary")["count"] < count:
            time.sleep(0.5)


def main() -> None:
    """All cases."""
    chosen = options(__doc__, seconds=10)
    figures: dict[str, float] = {}
    for bots, rate in CASES:
        figures |= {f"{bots} bots: {name}": value for name, value in run(bots, rate, chosen.seconds).items()}
    slowest = min(value for name, value in figures.items() if name.endswith("share of the rate"))
    figures["bar of the share / reached"] = MIN_SHARE / slowest
    report("broadcast", figures, only_json=chosen.json)


if __name__ == "__main__":
    main()
