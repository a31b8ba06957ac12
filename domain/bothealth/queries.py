"""SQL of the health of bots."""

from collections.abc import Sequence
from uuid import UUID

from domain.bothealth.model import Check, Health, Minute
from domain.kit.db import Conn

# What Telegram said of a bot, unless it was removed meanwhile.
NOTE_CHECK = """
INSERT INTO bot_checks (tenant_id, bot_id, receiving, pending, webhook_error, webhook_error_at)
SELECT tenant_id, id, $3, $4, $5, to_timestamp($6::float8) FROM bots WHERE tenant_id = $1 AND id = $2
ON CONFLICT (tenant_id, bot_id) DO UPDATE SET checked_at = now(), receiving = excluded.receiving,
    pending = excluded.pending, webhook_error = excluded.webhook_error, webhook_error_at = excluded.webhook_error_at
"""

# What happened to bots, added to the current minute; in key order, because two workers may hold slots of one tenant.
NOTE_MINUTES = """
INSERT INTO bot_minutes AS m (tenant_id, bot_id, minute, floods, flood_seconds, uncertain)
SELECT tenant_id, bot_id, date_trunc('minute', now()), floods, seconds, uncertain
FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::float8[], $5::int[])
    AS t (tenant_id, bot_id, floods, seconds, uncertain) ORDER BY tenant_id, bot_id
ON CONFLICT (tenant_id, bot_id, minute) DO UPDATE SET floods = m.floods + excluded.floods,
    flood_seconds = m.flood_seconds + excluded.flood_seconds, uncertain = m.uncertain + excluded.uncertain
"""

# All of a bot's health; $3 is its slot, where its queue is indexed.
OF_BOT = """
SELECT c.checked_at, c.receiving, c.pending, c.webhook_error, c.webhook_error_at,
    coalesce(c.checked_at < now() - interval '30 seconds', true) AS stale,
    m.floods, m.flood_seconds, o.waiting, u.failed,
    greatest(m.uncertain, u.uncertain) AS uncertain, d.dialogs, d.blocked
FROM (SELECT coalesce(sum(floods) FILTER (WHERE minute > now() - interval '1 hour'), 0) AS floods,
          coalesce(sum(flood_seconds) FILTER (WHERE minute > now() - interval '1 hour'), 0)::float8 AS flood_seconds,
          coalesce(sum(uncertain), 0) AS uncertain
      FROM bot_minutes WHERE tenant_id = $1 AND bot_id = $2 AND minute > now() - interval '1 day') m,
    (SELECT (SELECT count(*) FROM outbox WHERE tenant_id = $1 AND slot = $3 AND bot_id = $2 AND state = 'ready')
        + (SELECT count(*) FROM outbox WHERE tenant_id = $1 AND slot = $3 AND bot_id = $2 AND state = 'sending')
        AS waiting) o,
    (SELECT count(*) FILTER (WHERE state = 'failed') AS failed,
          count(*) FILTER (WHERE state = 'uncertain') AS uncertain
      FROM outbox WHERE tenant_id = $1 AND bot_id = $2 AND state IN ('failed', 'uncertain')
          AND finished_at > now() - interval '1 day') u,
    (SELECT count(*) AS dialogs, count(blocked_at) AS blocked
      FROM dialogs WHERE tenant_id = $1 AND channel = 'telegram' AND source = $2::bigint::text) d
    LEFT JOIN bot_checks c ON c.tenant_id = $1 AND c.bot_id = $2
"""

# Minutes that no health looks at any more, a batch at a time.
DELETE_OLD = """
DELETE FROM bot_minutes WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM bot_minutes WHERE minute < now() - interval '2 days' LIMIT $1))
"""


async def note_check(conn: Conn, *, tenant_id: UUID, bot_id: int, check: Check) -> None:
    """Keep what Telegram said."""
    at = None if check.webhook_error_at is None else float(check.webhook_error_at)
    await conn.execute(NOTE_CHECK, tenant_id, bot_id, check.receiving, check.pending, check.webhook_error, at)


async def note_minutes(conn: Conn, minutes: Sequence[Minute]) -> None:
    """Add what happened to the current minute."""
    columns = [
        [getattr(minute, name) for minute in minutes]
        for name in ("tenant_id", "bot_id", "floods", "flood_seconds", "uncertain")
    ]
    await conn.execute(NOTE_MINUTES, *columns)


async def fetch_health(conn: Conn, *, tenant_id: UUID, bot_id: int, slot: int) -> Health:
    """A bot's health."""
    row = await conn.fetchrow(OF_BOT, tenant_id, bot_id, slot)
    assert row is not None  # noqa: S101  # aggregates always have a row
    return Health(**{name: row[name] for name in Health.__slots__})
