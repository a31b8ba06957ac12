"""SQL on shard_members, by the database's clock."""

from dataclasses import dataclass

from domain.kit.db import Conn


@dataclass(frozen=True)
class Member:
    """A row of this host. `age`: seconds since it was renewed. `live`: its lease has not ended. `renewals`: a number
    that grows with each renewal. `loop_lag`: how late its event loop was at worst before the last one, in seconds."""

    id: str
    program: str
    pid: int
    age: float
    live: bool
    renewals: float = 0.0
    loop_lag: float = 0.0


# Every member that a process of this host wrote, also those whose lease has ended.
FETCH_MEMBERS = """
SELECT id, program, pid,
       extract(epoch FROM clock_timestamp() - renewed_at)::float8 AS age,
       expires_at > clock_timestamp() AS live,
       extract(epoch FROM renewed_at)::float8 AS renewals, (loop_lag_ms / 1000)::float8 AS loop_lag
FROM shard_members WHERE host = $1
"""

# Ends leases now, so that the other shards take the slots without waiting for the time-out.
EXPIRE_MEMBERS = """
UPDATE shard_members SET expires_at = clock_timestamp()
WHERE id = ANY($1::text[]) AND expires_at > clock_timestamp()
RETURNING id
"""


async def fetch_members(conn: Conn, *, host: str) -> list[Member]:
    """The members of `host`."""
    return [Member(**dict(row)) for row in await conn.fetch(FETCH_MEMBERS, host)]


async def expire_members(conn: Conn, *, ids: list[str]) -> list[str]:
    """End their leases; returns those that were still running."""
    return [row["id"] for row in await conn.fetch(EXPIRE_MEMBERS, ids)]
