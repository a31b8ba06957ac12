"""SQL of usage records."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.billing.model import UsageRecord, UsageTotal
from domain.kit.db import Conn

# One record a message and kind, however often its turn is committed.
INSERT_MANY = """
INSERT INTO usage_records (tenant_id, id, dialog_id, message_id, kind, model, prompt_tokens, completion_tokens)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::integer[],
    $8::integer[])
ON CONFLICT (tenant_id, message_id, kind) DO NOTHING
RETURNING id
"""

# What a tenant used since a moment, by kind and model.
FETCH_TOTALS = """
SELECT kind, model, count(*) AS records, sum(prompt_tokens)::bigint AS prompt_tokens,
    sum(completion_tokens)::bigint AS completion_tokens
FROM usage_records WHERE tenant_id = $1 AND created_at >= $2 GROUP BY kind, model ORDER BY kind, model
"""


async def insert_many(conn: Conn, records: Sequence[UsageRecord]) -> int:
    """Insert records; returns how many were new."""
    rows = await conn.fetch(
        INSERT_MANY,
        [record.tenant_id for record in records],
        [record.id for record in records],
        [record.dialog_id for record in records],
        [record.message_id for record in records],
        [record.kind for record in records],
        [record.model for record in records],
        [record.prompt_tokens for record in records],
        [record.completion_tokens for record in records],
    )
    return len(rows)


async def fetch_totals(conn: Conn, *, tenant_id: UUID, since: datetime) -> list[UsageTotal]:
    """Sums by kind and model."""
    return [UsageTotal(**dict(row)) for row in await conn.fetch(FETCH_TOTALS, tenant_id, since)]
