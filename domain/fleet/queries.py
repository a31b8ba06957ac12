"""SQL about the shards of the deployment. Ages come from the database's clock."""

from typing import Any

from domain.fleet.model import Fleet, Shard, State
from domain.kit.db import Conn

STALLED_AFTER = 6.0  # seconds without a renewal: three were missed

# Every member with what it holds and how long its oldest row has waited; the row without an id counts free slots.
FETCH_FLEET = """
WITH slots AS (
    SELECT o.slot, o.epoch, l.waiting_since,
           (SELECT m.id FROM shard_members m WHERE m.id = o.member_id AND m.expires_at > clock_timestamp()) AS owner
    FROM slot_owners o LEFT JOIN slot_lags() l ON l.slot = o.slot
), held AS (
    SELECT owner, count(*) AS slots, max(epoch) AS max_epoch,
           extract(epoch FROM clock_timestamp() - min(waiting_since))::float8 AS lag
    FROM slots GROUP BY owner
)
SELECT m.id, m.program, m.host, m.pid, m.draining, m.loop_lag_ms, m.stats,
       m.expires_at <= clock_timestamp() AS dead,
       extract(epoch FROM clock_timestamp() - m.started_at)::float8 AS uptime,
       extract(epoch FROM clock_timestamp() - m.renewed_at)::float8 AS renewed,
       h.slots, h.max_epoch, h.lag
FROM held h FULL JOIN shard_members m ON m.id = h.owner
ORDER BY m.host, m.program, m.started_at
"""

# What was wished for, by host.
FETCH_WISHES = "SELECT host, shards FROM shard_wishes"

# Wishes for a number of shards.
UPSERT_WISH = """
INSERT INTO shard_wishes (host, shards) VALUES ($1, $2)
ON CONFLICT (host) DO UPDATE SET shards = excluded.shards, set_at = clock_timestamp()
"""

# A wish for all hosts replaces those for single ones.
DELETE_OTHER_WISHES = "DELETE FROM shard_wishes WHERE host <> $1"


async def fetch_fleet(conn: Conn) -> Fleet:
    """Members, slots and wishes."""
    rows = await conn.fetch(FETCH_FLEET)
    nobody = next((row for row in rows if row["id"] is None), None)
    return Fleet(
        shards=tuple(_shard(dict(row)) for row in rows if row["id"] is not None),
        free=nobody["slots"] if nobody else 0,
        free_lag=_seconds(nobody["lag"]) if nobody else 0.0,
        wishes=await fetch_wishes(conn),
    )


async def fetch_wishes(conn: Conn) -> dict[str, int]:
    """Shards by host; '' for every host that is not named."""
    return {row["host"]: row["shards"] for row in await conn.fetch(FETCH_WISHES)}


async def upsert_wish(conn: Conn, *, host: str, shards: int) -> None:
    """Wish for `shards` on `host`; '' for all hosts."""
    if not host:
        await conn.execute(DELETE_OTHER_WISHES, host)
    await conn.execute(UPSERT_WISH, host, shards)


def _shard(row: dict[str, Any]) -> Shard:
    stats: dict[str, Any] = row["stats"]
    return Shard(
        id=row["id"],
        program=row["program"],
        host=row["host"],
        pid=row["pid"],
        state=_state(row),
        uptime=_seconds(row["uptime"]),
        renewed=_seconds(row["renewed"]),
        slots=row["slots"] or 0,
        max_epoch=row["max_epoch"] or 0,
        bots=int(stats.get("bots", 0)),
        conversations=int(stats.get("conversations", 0)),
        updates=float(stats.get("updates", 0.0)),
        sends=float(stats.get("sends", 0.0)),
        lag=_seconds(row["lag"]),
        loop_delay=round(row["loop_lag_ms"], 1),
    )


def _state(row: dict[str, Any]) -> State:
    if row["dead"]:
        return "dead"
    if row["renewed"] > STALLED_AFTER:
        return "stalled"
    return "draining" if row["draining"] else "live"


def _seconds(value: float | None) -> float:
    return round(max(0.0, value or 0.0), 3)
