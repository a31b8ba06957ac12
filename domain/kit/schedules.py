"""Schedules as rows: what becomes a job again and again, every n seconds or daily at a local time.

A schedule fires once for each due time: its next time moves in the transaction that enqueues the job, under the row's
lock, fenced by the slot. Times missed while nobody ran fire once, together. A job that is still open when its schedule
fires again runs once more, not twice at the same time. Only the database's clock counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

import asyncpg

from domain.kit.db import Conn
from domain.kit.errors import Invalid
from domain.kit.fencing import lost_slots
from domain.kit.slots import slot_of

AT_ONCE = 100  # schedules fired in one transaction

# The first time after now: of the interval, or of the local time of day (Postgres knows the zone and its changes).
_DAILY = """
    CASE WHEN ((now() AT TIME ZONE {s}.timezone)::date + {s}.daily_at) AT TIME ZONE {s}.timezone > now()
        THEN ((now() AT TIME ZONE {s}.timezone)::date + {s}.daily_at) AT TIME ZONE {s}.timezone
        ELSE ((now() AT TIME ZONE {s}.timezone)::date + 1 + {s}.daily_at) AT TIME ZONE {s}.timezone END"""

# Adds or changes a schedule; one whose times stay the same keeps its next time.
PUT = f"""
INSERT INTO schedules AS s (tenant_id, kind, key, slot, payload, every_seconds, daily_at, timezone, next_run)
SELECT g.*, CASE WHEN g.every_seconds IS NOT NULL THEN now() + make_interval(secs => g.every_seconds)
    ELSE {_DAILY.format(s="g")} END
FROM (SELECT $1::uuid, $2::text, $3::text, $4::smallint, $5::jsonb, $6::integer, $7::time, $8::text)
    AS g (tenant_id, kind, key, slot, payload, every_seconds, daily_at, timezone)
ON CONFLICT (tenant_id, kind, key) DO UPDATE SET payload = excluded.payload, every_seconds = excluded.every_seconds,
    daily_at = excluded.daily_at, timezone = excluded.timezone,
    next_run = CASE WHEN (s.every_seconds, s.daily_at, s.timezone)
        IS NOT DISTINCT FROM (excluded.every_seconds, excluded.daily_at, excluded.timezone)
        THEN s.next_run ELSE excluded.next_run END
RETURNING next_run
"""

# Ends a schedule; a job it has enqueued stays.
REMOVE = "DELETE FROM schedules WHERE tenant_id = $1 AND kind = $2 AND key = $3"

# A tenant's schedules.
LIST_SCHEDULES = """
SELECT kind, key, payload, every_seconds, daily_at, timezone, next_run, last_run FROM schedules
WHERE tenant_id = $1 ORDER BY kind, key
"""

# Which of the owned slots have something due; usually none, and then nothing is locked.
DUE_SLOTS = """
SELECT DISTINCT slot FROM schedules WHERE tenant_id IS NOT NULL AND slot = ANY($1::smallint[]) AND next_run <= now()
"""

# Moves the due schedules on and enqueues their jobs, in one statement.
FIRE = f"""
WITH due AS (
    SELECT tenant_id, kind, key FROM schedules WHERE slot = ANY($1::smallint[]) AND next_run <= now()
    ORDER BY tenant_id, kind, key LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED),
moved AS (
    UPDATE schedules s SET last_run = now(), next_run = CASE WHEN s.every_seconds IS NOT NULL
        THEN s.next_run + make_interval(secs => s.every_seconds
            * (floor(extract(epoch FROM now() - s.next_run) / s.every_seconds) + 1)::float8)
        ELSE {_DAILY.format(s="s")} END
    FROM due d WHERE s.tenant_id = d.tenant_id AND s.kind = d.kind AND s.key = d.key
    RETURNING s.tenant_id, s.kind, s.key, s.slot, s.payload)
INSERT INTO jobs AS j (tenant_id, kind, key, slot, payload)
SELECT tenant_id, kind, key, slot, payload FROM moved ORDER BY tenant_id, kind, key
ON CONFLICT (tenant_id, kind, key) WHERE state IN ('ready', 'running') DO UPDATE
    SET again = j.again OR j.state = 'running'
RETURNING j.tenant_id
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What fires when: either `every_seconds`, or `daily_at` in `timezone`."""

    kind: str
    key: str
    payload: dict[str, Any]
    every_seconds: int | None
    daily_at: time | None
    timezone: str
    next_run: datetime
    last_run: datetime | None


async def put(
    conn: Conn,
    *,
    tenant_id: UUID,
    kind: str,
    key: str,
    payload: dict[str, Any] | None = None,
    every_seconds: int | None = None,
    daily_at: time | None = None,
    timezone: str = "UTC",
) -> datetime:
    """Add or change a schedule; returns when it fires next. Raises Invalid (neither or both times, unknown zone)."""
    if (every_seconds is None) == (daily_at is None) or (every_seconds is not None and every_seconds < 1):
        raise Invalid("A schedule has either an interval of a second or more, or a time of day.")
    row = (tenant_id, kind, key, slot_of(tenant_id), payload or {}, every_seconds, daily_at, timezone)
    try:
        next_run: datetime = await conn.fetchval(PUT, *row)
    except asyncpg.InvalidParameterValueError as error:
        raise Invalid(f"There is no time zone {timezone!r}; write one like Europe/Berlin.") from error
    return next_run


async def remove(conn: Conn, *, tenant_id: UUID, kind: str, key: str) -> None:
    """End a schedule."""
    await conn.execute(REMOVE, tenant_id, kind, key)


async def list_schedules(conn: Conn, *, tenant_id: UUID) -> list[Schedule]:
    """All schedules of a tenant."""
    rows = await conn.fetch(LIST_SCHEDULES, tenant_id)
    return [Schedule(**{name: row[name] for name in Schedule.__slots__}) for row in rows]


async def fire_due(conn: Conn, *, held: Mapping[int, int]) -> int:
    """Enqueue what is due in the held slots (slot -> epoch); returns how many schedules fired."""
    slots = {row["slot"] for row in await conn.fetch(DUE_SLOTS, sorted(held))}
    if not slots:
        return 0
    live = slots - await lost_slots(conn, {slot: held[slot] for slot in slots})
    return len(await conn.fetch(FIRE, sorted(live), AT_ONCE)) if live else 0
