"""Use cases of usage; each runs inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.billing import queries
from domain.billing.model import UsageRecord, UsageTotal
from domain.kit.db import Conn


async def record_usage_many(conn: Conn, records: Sequence[UsageRecord]) -> int:
    """Store what answers used; returns how many were new. Recording the same message and kind again changes nothing."""
    if not records:
        return 0
    # One order for all writers, so that two batches never wait for each other in a ring.
    ordered = sorted(records, key=lambda record: (record.tenant_id, record.message_id, record.kind))
    return await queries.insert_many(conn, ordered)


async def usage_since(conn: Conn, *, tenant_id: UUID, since: datetime) -> list[UsageTotal]:
    """What a tenant used since a moment (timezone-aware), by kind and model."""
    return await queries.fetch_totals(conn, tenant_id=tenant_id, since=since)
