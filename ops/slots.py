"""`replyx shards`: members and how many slots each owns."""

from collections.abc import Sequence
from typing import Any

import psycopg

from domain.kit.settings import Settings
from ops.probes import unusable_postgres
from ops.progress import say

# One row a member that is alive or still owns slots; the row without a member counts the free slots.
SLOT_TABLE = """
SELECT coalesce(member.program, '(nobody)'), coalesce(member.host, ''), coalesce(member.pid, 0),
       CASE WHEN member.id IS NULL THEN 'free'
            WHEN member.expires_at <= clock_timestamp() THEN 'dead'
            WHEN member.draining THEN 'draining' ELSE 'alive' END,
       count(slot.slot), coalesce(max(slot.epoch), 0),
       coalesce(extract(epoch FROM clock_timestamp() - member.renewed_at), 0)::float8, coalesce(member.loop_lag_ms, 0)
FROM slot_owners AS slot
FULL JOIN shard_members AS member ON member.id = slot.member_id
WHERE slot.slot IS NOT NULL OR member.expires_at > clock_timestamp()
GROUP BY member.id
ORDER BY member.host, member.program
"""

_HEADER = ("shard", "host", "pid", "state", "slots", "max epoch", "renewed", "loop lag")


def print_shards(settings: Settings) -> None:
    """Print the table. Raises Refusal when Postgres does not answer."""
    try:
        with psycopg.connect(settings.owner_dsn, connect_timeout=5) as conn:
            rows = conn.execute(SLOT_TABLE).fetchall()
    except psycopg.errors.UndefinedTable:
        say("The database is empty: run `replyx migrate`.")
        return
    except psycopg.Error as error:
        raise unusable_postgres(error) from error
    say(table([_HEADER, *(_cells(row) for row in rows)]))


def _cells(row: tuple[Any, ...]) -> tuple[str, ...]:
    program, host, pid, state, slots, epoch, age, lag = row
    if state == "free":
        return (program, "", "", state, str(slots), str(epoch), "", "")
    return (program, host, str(pid), state, str(slots), str(epoch), f"{age:.1f} s ago", f"{lag:.0f} ms")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
