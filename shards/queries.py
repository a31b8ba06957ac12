"""SQL of membership and slots. Lease times come from the database's clock only."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from domain.kit.db import Conn

# Joins with a fresh lease.
JOIN = """
INSERT INTO shard_members (id, program, host, pid, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
"""

# Renews a lease that has not run out; no row means it has, and everything must stop.
RENEW = """
UPDATE shard_members SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2),
    draining = $3, loop_lag_ms = $4, stats = $5
WHERE id = $1 AND expires_at > clock_timestamp() RETURNING id
"""

# Leaves; what is still owned becomes free with it.
LEAVE = "DELETE FROM shard_members WHERE id = $1"

# Buries members whose lease is over. The delete waits for a renewal in flight and looks again, so a member is either
# renewed or gone, and what is gone cannot renew.
BURY = "DELETE FROM shard_members WHERE expires_at <= clock_timestamp() RETURNING id"

# Buries members as they were read: whoever renewed since then is another row.
BURY_UNCHANGED = "DELETE FROM shard_members WHERE id = $1 AND expires_at = $2"

# Who is alive.
LIVE = "SELECT id, host, program, draining, expires_at FROM shard_members WHERE expires_at > clock_timestamp()"

# Takes free slots: released, or of a member that is gone. The epoch of each goes up. Who is gone is decided among the
# owners that this statement saw at its beginning: when a row lock shows a newer owner, that one joined after we looked
# at the members, and is not to be mistaken for a dead one.
ACQUIRE = """
WITH gone AS MATERIALIZED (
    SELECT member_id FROM slot_owners
    WHERE member_id IS NOT NULL AND member_id NOT IN (SELECT id FROM shard_members)
), free AS (
    SELECT slot FROM slot_owners
    WHERE slot = ANY($2::smallint[]) AND (member_id IS NULL OR member_id IN (SELECT member_id FROM gone))
    ORDER BY slot FOR UPDATE SKIP LOCKED)
UPDATE slot_owners o SET member_id = $1, epoch = o.epoch + 1 FROM free
WHERE o.slot = free.slot AND EXISTS (SELECT 1 FROM shard_members WHERE id = $1 AND expires_at > clock_timestamp())
RETURNING o.slot, o.epoch
"""

# What is ours by the database.
OWNED = "SELECT slot, epoch FROM slot_owners WHERE member_id = $1"

# Hands slots over; waits for commits that hold them FOR SHARE. One that was released and taken anew since has another
# epoch, and stays.
RELEASE = """
UPDATE slot_owners SET member_id = NULL
WHERE slot IN (
    SELECT slot FROM slot_owners
    WHERE member_id = $1 AND (slot, epoch) IN (SELECT * FROM unnest($2::smallint[], $3::bigint[]))
    ORDER BY slot FOR UPDATE)
"""


class Member(NamedTuple):
    """A live member; `name` is stable over restarts."""

    id: str
    name: str
    draining: bool
    expires_at: datetime


async def fetch_live(conn: Conn) -> list[Member]:
    """The live members."""
    rows = await conn.fetch(LIVE)
    return [Member(row["id"], f"{row['host']}:{row['program']}", row["draining"], row["expires_at"]) for row in rows]


async def bury_unchanged(conn: Conn, members: Iterable[Member]) -> None:
    """End the membership of those that have not renewed since they were read."""
    for member in members:
        await conn.execute(BURY_UNCHANGED, member.id, member.expires_at)


async def acquire(conn: Conn, *, member_id: str, slots: list[int]) -> dict[int, int]:
    """Bury the dead and take what is free of `slots`; returns slot -> epoch of those taken."""
    await conn.execute(BURY)
    return {row["slot"]: row["epoch"] for row in await conn.fetch(ACQUIRE, member_id, slots)}


async def fetch_owned(conn: Conn, *, member_id: str) -> dict[int, int]:
    """slot -> epoch of what the database says is ours."""
    return {row["slot"]: row["epoch"] for row in await conn.fetch(OWNED, member_id)}


async def release(conn: Conn, *, member_id: str, epochs: Mapping[int, int]) -> None:
    """Give up slots that we hold, or held, under these epochs."""
    await conn.execute(RELEASE, member_id, list(epochs), list(epochs.values()))
