"""Runs jobs as a shard does, without one: claims what is due and runs each to its verdict."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg

from domain.kit import jobs
from domain.kit.db import Database
from domain.kit.jobs import Handler
from domain.kit.slots import SLOTS

MEMBER = "test:jobs:1"


async def add_tenant(dsn: str, *, tenant_id: UUID, assistant_id: UUID) -> None:
    """A tenant with one assistant, made by the schema's owner."""
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute("INSERT INTO tenants (id, name) VALUES ($1, 'test')", tenant_id)
        q = "INSERT INTO assistants (tenant_id, id, name) VALUES ($1, $2, 'test')"
        await owner.execute(q, tenant_id, assistant_id)
    finally:
        await owner.close()


async def own_all_slots(db: Database) -> dict[int, int]:
    """Become the owner of every slot; returns slot -> epoch."""
    async with db.worker_tx() as conn:
        await conn.execute("UPDATE slot_owners SET member_id = $1, epoch = epoch + 1", MEMBER)
        rows = await conn.fetch("SELECT slot, epoch FROM slot_owners")
    assert len(rows) == SLOTS
    return {row["slot"]: row["epoch"] for row in rows}


async def run_due(db: Database, held: Mapping[int, int], handlers: Mapping[str, Handler]) -> int:
    """Run everything that is due until nothing is; returns how many jobs ran. Raises what a handler raised."""
    count = 0
    while True:
        async with db.worker_tx() as conn:
            due = await jobs.claim(conn, held=held, limit=20)
        if not due:
            return count
        for job in due:
            await jobs.run(db, job, handlers)
            count += 1
