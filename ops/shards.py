"""`replyx shards`: the slot table, how many shards there should be, and a rolling restart."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from domain.fleet import Fleet, Shard
from domain.fleet import service as fleet
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.schema import check_schema
from domain.kit.settings import Settings
from ops.probes import probe_postgres
from ops.progress import say, step
from ops.refusal import FAILED, SERVICE_DOWN, Refusal

HEADER = ("shard", "host", "pid", "state", "uptime", "slots", "bots", "dialogs", "updates/s", "sends/s", "lag", "loop")
LOOK_EVERY = 0.2  # seconds
SCALED_WITHIN = 90.0  # seconds: a shard drains for up to 20


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database as a worker. Raises Refusal when Postgres cannot be used."""
    probe_postgres(settings.owner_dsn)
    db = await Database.open(settings, app=1, worker=1, name="replyx shards")
    try:
        await check_schema(db)
        yield db
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
        raise Refusal("The database is older than this release: run `replyx migrate`.", code=SERVICE_DOWN) from error
    finally:
        await db.close()


async def look(db: Database) -> Fleet:
    """All shards now. Raises Unavailable."""
    async with db.worker_tx() as conn:
        return await fleet.look(conn)


async def wait_for(db: Database, check: Callable[[Fleet], bool], *, seconds: float) -> bool:
    """Look until `check` is true; False after `seconds`. A database that goes away meanwhile is waited for."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if check(await look(db)):
                        return True
                except Unavailable:
                    pass
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        return False


def print_shards(settings: Settings, *, as_json: bool) -> None:
    """Print the table, or one JSON object. Raises Refusal when Postgres does not answer."""

    async def now() -> Fleet:
        async with opened(settings) as db:
            return await look(db)

    found = asyncio.run(now())
    say(json.dumps(found.as_dict()) if as_json else _text(found, default=settings.replyx_shards))


def scale(settings: Settings, shards: int, *, host: str, wait: bool) -> None:
    """Wish for `shards` on `host` ('': every host) and wait until it is so. Raises Refusal, Invalid."""
    asyncio.run(_scale(settings, shards, host=host, wait=wait))


async def _scale(settings: Settings, shards: int, *, host: str, wait: bool) -> None:
    async with opened(settings) as db:
        async with db.worker_tx() as conn:
            await fleet.scale(conn, shards, host=host)
            before = await fleet.look(conn)
        where = host or "every host"
        hosts = {shard.host for shard in before.shards if shard.state != "dead" and host in {"", shard.host}}
        if not hosts:
            say(f"Noted: {shards} shard(s) on {where}, from the next start.")
            return
        if not wait:
            say(f"Noted: {shards} shard(s) on {where}; the shard-supervisor brings it about.")
            return
        with step(f"scaling {', '.join(sorted(hosts))} to {shards} shard(s)"):
            if not await wait_for(db, lambda now: _is_scaled(now, hosts, shards), seconds=SCALED_WITHIN):
                raise Refusal(
                    f"It is not so after {SCALED_WITHIN:.0f} s, but the wish stays: look at `replyx shards`, and into "
                    "the log of shard-supervisor. A shard that was stopped with supervisorctl stays stopped.",
                    code=FAILED,
                )


def _is_scaled(found: Fleet, hosts: set[str], shards: int) -> bool:
    if found.free or any(shard.state == "draining" for shard in found.shards):
        return False
    return all(len(found.on(host)) == shards and all(shard.slots for shard in found.on(host)) for host in hosts)


def _text(found: Fleet, *, default: int) -> str:
    rows: list[Sequence[str]] = [HEADER, *(_cells(shard) for shard in found.shards)]
    if found.free:
        rows.append(("(nobody)", "", "", "free", "", str(found.free), "", "", "", "", _lag(found.free_lag), ""))
    lines = [table(rows), "", f"Wished for: {_wishes(found.wishes, default)}"]
    return "\n".join(lines)


def _wishes(wishes: dict[str, int], default: int) -> str:
    named = [f"{shards} on {host}" for host, shards in sorted(wishes.items()) if host]
    rest = f"{wishes.get('', default)} a host" + ("" if "" in wishes else " (REPLYX_SHARDS)")
    return ", ".join([*named, rest])


def _cells(shard: Shard) -> tuple[str, ...]:
    return (
        shard.program,
        shard.host,
        str(shard.pid),
        shard.state,
        _duration(shard.uptime),
        str(shard.slots),
        str(shard.bots),
        str(shard.conversations),
        f"{shard.updates:.1f}",
        f"{shard.sends:.1f}",
        _lag(shard.lag),
        f"{shard.loop_delay:.0f} ms",
    )


def _lag(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
