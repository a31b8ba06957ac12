"""Handoffs and usage in Postgres: once, in batches, per tenant, by both roles."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain.billing import service as billing
from domain.billing.model import UsageRecord, UsageTotal
from domain.handoff import HandoffRequest, service
from domain.kit.db import Database
from domain.kit.errors import Invalid


@pytest.fixture
async def tenants(database_url: str) -> list[UUID]:
    """Two tenants."""
    owner = await asyncpg.connect(database_url)
    found = [uuid4(), uuid4()]
    await owner.executemany("INSERT INTO tenants (id, name) VALUES ($1, 'x')", [(tenant,) for tenant in found])
    await owner.close()
    return found


@pytest.fixture
async def dialogs(database_url: str, tenants: list[UUID]) -> list[tuple[UUID, UUID]]:
    """Five dialogs of the first tenant and one of the second, as (tenant, dialog)."""
    owner = await asyncpg.connect(database_url)
    rows = []
    for tenant in [tenants[0]] * 5 + [tenants[1]]:
        contact, dialog = uuid4(), uuid4()
        await owner.execute(
            "INSERT INTO contacts (tenant_id, id, channel, source, external_id) VALUES ($1, $2, 'web', 's', $3)",
            tenant,
            contact,
            str(contact),
        )
        await owner.execute(
            "INSERT INTO dialogs (tenant_id, id, channel, source, address, contact_id, assistant_id, slot)"
            " VALUES ($1, $2, 'web', 's', $3, $4, $5, 0)",
            tenant,
            dialog,
            str(dialog),
            contact,
            uuid4(),
        )
        rows.append((tenant, dialog))
    await owner.close()
    return rows


async def test_one_open_request_a_dialog(db: Database, dialogs: list[tuple[UUID, UUID]]) -> None:
    tenant, dialog = dialogs[0]
    async with db.worker_tx() as conn:
        assert await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="asked", summary="Where?")
        assert not await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="unknown")
        found = await service.open_of(conn, tenant_id=tenant, dialog_id=dialog)
    assert found is not None
    assert (found.reason, found.summary, found.state) == ("asked", "Where?", "requested")
    assert found.to_json()["created_at"].endswith("Z")


async def test_a_batch_tells_which_were_opened(db: Database, dialogs: list[tuple[UUID, UUID]]) -> None:
    items = [HandoffRequest(tenant, dialog, "unknown") for tenant, dialog in dialogs]
    async with db.worker_tx() as conn:
        assert await service.request_many(conn, []) == []
        assert await service.request_many(conn, [items[2]]) == [True]
        opened = await service.request_many(conn, [*reversed(items), items[0]])
    assert sorted(opened) == [False, False, True, True, True, True, True]
    assert opened[3] is False  # items[2], from the back


async def test_parallel_batches_open_each_once(db: Database, dialogs: list[tuple[UUID, UUID]]) -> None:
    items = [HandoffRequest(tenant, dialog, "asked") for tenant, dialog in dialogs]

    async def one(batch: list[HandoffRequest]) -> int:
        async with db.worker_tx() as conn:
            return sum(await service.request_many(conn, batch))

    opened = await asyncio.gather(*(one(items if i % 2 else items[::-1]) for i in range(6)))
    assert sum(opened) == len(items)


async def test_its_life(db: Database, dialogs: list[tuple[UUID, UUID]]) -> None:
    tenant, dialog = dialogs[0]
    async with db.tenant_tx(tenant) as conn:
        assert not await service.activate(conn, tenant_id=tenant, dialog_id=dialog)
        assert await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="asked")
        assert await service.activate(conn, tenant_id=tenant, dialog_id=dialog)
        assert not await service.activate(conn, tenant_id=tenant, dialog_id=dialog)
        assert not await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="asked")
        assert await service.resolve(conn, tenant_id=tenant, dialog_id=dialog)
        assert not await service.resolve(conn, tenant_id=tenant, dialog_id=dialog)
        assert await service.open_of(conn, tenant_id=tenant, dialog_id=dialog) is None
        assert await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="asked")


async def test_the_queue_is_first_in_first_out_and_the_tenants_own(
    db: Database, dialogs: list[tuple[UUID, UUID]]
) -> None:
    async with db.worker_tx() as conn:
        for tenant, dialog in dialogs:
            await service.request(conn, tenant_id=tenant, dialog_id=dialog, reason="asked")
    tenant = dialogs[0][0]
    seen: list[UUID] = []
    cursor: str | None = None
    async with db.tenant_tx(tenant) as conn:
        while True:
            page, cursor = await service.list_open(conn, tenant_id=tenant, limit=2, cursor=cursor)
            seen += [handoff.dialog_id for handoff in page]
            if cursor is None:
                break
        foreign, _ = await service.list_open(conn, tenant_id=dialogs[5][0])
        with pytest.raises(Invalid, match="cursor"):
            await service.list_open(conn, tenant_id=tenant, cursor="x")
    assert sorted(seen) == sorted(dialog for owner, dialog in dialogs if owner == tenant)
    assert len(seen) == 5
    assert foreign == []


async def test_usage_is_recorded_once_a_message(db: Database, tenants: list[UUID]) -> None:
    message = uuid4()
    first = UsageRecord(tenants[0], uuid4(), message, "gpt", 100, 20)
    records = [
        first,
        UsageRecord(tenants[0], first.dialog_id, uuid4(), "gpt", 10, 2),
        UsageRecord(tenants[1], uuid4(), uuid4(), "extractive"),
    ]
    async with db.worker_tx() as conn:
        assert await billing.record_usage_many(conn, []) == 0
        assert await billing.record_usage_many(conn, records) == 3
        assert await billing.record_usage_many(conn, [UsageRecord(tenants[0], uuid4(), message, "gpt", 1, 1)]) == 0
    since = datetime.now(UTC) - timedelta(hours=1)
    async with db.tenant_tx(tenants[0]) as conn:
        assert await billing.usage_since(conn, tenant_id=tenants[0], since=since) == [
            UsageTotal("answer", "gpt", 2, 110, 22)
        ]
        assert await billing.usage_since(conn, tenant_id=tenants[1], since=since) == []
