"""SQL of the dead letters. A tenant sees its own; a NULL tenant ($1) is the operator of the host, who sees all."""

from datetime import datetime
from uuid import UUID

from domain.deadletters.model import Kind, Letter, Position
from domain.kit.db import Conn, Row

# Both tables as one list; `$2` bytes of each. A broadcast (priority 9) has its own report per recipient.
_DEAD = """
SELECT tenant_id, 'inbox' AS kind, id AS row_id, state, coalesce(error, '') AS reason,
    coalesce(done_at, received_at) AS at, channel, source, dialog_id, NULL::uuid AS message_id, slot, attempts,
    substr(raw, 1, $2::int) AS raw, octet_length(raw) AS size
FROM inbox WHERE state = 'dead' AND ($1::uuid IS NULL OR tenant_id = $1)
"""
_UNSENT = """
SELECT tenant_id, 'outbox' AS kind, id AS row_id, state, coalesce(error, '') AS reason,
    coalesce(finished_at, created_at) AS at, 'telegram' AS channel, bot_id::text AS source, dialog_id, message_id, slot,
    attempts, substr(convert_to(payload::text, 'UTF8'), 1, $2::int) AS raw,
    octet_length(payload::text) AS size
FROM outbox WHERE state IN ('failed', 'uncertain') AND dismissed_at IS NULL AND priority < 9
    AND ($1::uuid IS NULL OR tenant_id = $1)
"""

# A page, newest first, behind a position (time, kind, id): first which letters, then what is in these few.
LIST = f"""
WITH page AS MATERIALIZED (
    SELECT * FROM (
        SELECT 'inbox' AS kind, tenant_id, id, coalesce(done_at, received_at) AS at FROM inbox
        WHERE state = 'dead' AND ($1::uuid IS NULL OR tenant_id = $1)
            AND ($4::text IS NULL OR (channel = 'telegram' AND source = $4))
        UNION ALL
        SELECT 'outbox', tenant_id, id, coalesce(finished_at, created_at) FROM outbox
        WHERE state IN ('failed', 'uncertain') AND dismissed_at IS NULL AND priority < 9
            AND ($1::uuid IS NULL OR tenant_id = $1) AND ($4::text IS NULL OR bot_id::text = $4)) keys
    WHERE ($3::text IS NULL OR kind = $3) AND ($5::timestamptz IS NULL OR (at, kind, id) < ($5, $6::text, $7::bigint))
    ORDER BY at DESC, kind DESC, id DESC LIMIT $8)
SELECT l.* FROM page p CROSS JOIN LATERAL (
    {_DEAD} AND p.kind = 'inbox' AND tenant_id = p.tenant_id AND id = p.id
    UNION ALL {_UNSENT} AND p.kind = 'outbox' AND tenant_id = p.tenant_id AND id = p.id) l
ORDER BY l.at DESC, l.kind DESC, l.row_id DESC
"""

# One letter.
GET_DEAD = f"{_DEAD} AND id = $3"
GET_UNSENT = f"{_UNSENT} AND id = $3"

# An arrival goes back to where it died: into the dialog, or, if its message is there, to its answer. Its owner touches
# no dead row, so the state is the fence; a second retry finds no dead row.
REVIVE = """
UPDATE inbox SET state = CASE WHEN message_seq IS NULL THEN 'ready' ELSE 'accepted' END, attempts = 0, error = NULL,
    done_at = NULL
WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING slot, state
"""

# An arrival is thrown away; its key stays, so that it cannot arrive again.
DELETE_DEAD = "DELETE FROM inbox WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING id"

# Letters that nobody looked at for 30 days, a batch at a time.
DELETE_OLD = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox WHERE state = 'dead' AND done_at < now() - interval '30 days' LIMIT $1))
"""
DELETE_OLD_ROWS = """
DELETE FROM outbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM outbox WHERE state IN ('failed', 'uncertain') AND finished_at < now() - interval '30 days'
    LIMIT $1))
"""


async def fetch_page(
    conn: Conn,
    *,
    tenant_id: UUID | None,
    preview: int,
    kind: Kind | None,
    bot_id: int | None,
    before: Position | None,
    limit: int,
) -> list[Letter]:
    """Letters, newest first, with the first `preview` bytes of each."""
    at: datetime | None = before.at if before else None
    source = None if bot_id is None else str(bot_id)
    place = (before.kind, before.row_id) if before else (None, None)
    return [_letter(row) for row in await conn.fetch(LIST, tenant_id, preview, kind, source, at, *place, limit)]


async def fetch_one(conn: Conn, *, tenant_id: UUID | None, kind: Kind, row_id: int, most: int) -> Letter | None:
    """One letter with its first `most` bytes."""
    row = await conn.fetchrow(GET_DEAD if kind == "inbox" else GET_UNSENT, tenant_id, most, row_id)
    return _letter(row) if row else None


def _letter(row: Row) -> Letter:
    return Letter(**{name: row[name] for name in Letter.__slots__})
