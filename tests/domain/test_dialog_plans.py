"""Where dialogs, contacts and messages are looked up on the way of every message: by an index, whatever is known of the
tables. Statistics come minutes after a table began to fill."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.dialogs import queries
from domain.kit.db import Conn, Database
from domain.kit.ids import uuid7

MANY = 5_000
READ_MAX = 30  # rows that a look for a few may touch
TABLES = {"dialogs", "contacts", "messages"}

# $1 is the tenant, $2 how many dialogs it has; one of them, a group's, has as many messages.
FILL = (
    """INSERT INTO contacts (tenant_id, id, channel, source, external_id)
        SELECT $1, md5('c' || n)::uuid, 'telegram', '1001', n::text FROM generate_series(1, $2) n""",
    """INSERT INTO dialogs (tenant_id, id, channel, source, address, contact_id, assistant_id, slot, last_seq)
        SELECT $1, md5('d' || n)::uuid, 'telegram', '1001',
            CASE WHEN n % 10 = 0 THEN format('-%s/%s', n / 100, n) ELSE n::text END, md5('c' || n)::uuid, $1, 1,
            CASE n WHEN 1 THEN $2 ELSE 1 END
        FROM generate_series(1, $2) n""",
    """INSERT INTO messages (tenant_id, dialog_id, seq, id, role, text, client_id)
        SELECT $1, md5('d' || n)::uuid, 1, md5('m' || n)::uuid, 'customer', 'hello', '1'
        FROM generate_series(1, $2) n""",
    """INSERT INTO messages (tenant_id, dialog_id, seq, id, role, text, client_id)
        SELECT $1, md5('d1')::uuid, n, md5('l' || n)::uuid, 'customer', 'hello', n::text
        FROM generate_series(2, $2) n""",
)


@pytest.fixture(params=["never", "early"])
async def tenant(request: pytest.FixtureRequest, db: Database, database_url: str) -> UUID:
    """A big tenant of which the planner knows nothing, or what was true when there was a small one only."""
    owner = await asyncpg.connect(database_url)
    try:
        for table in sorted(TABLES):
            await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        if request.param == "early":
            await _fill(db, uuid7(), 40)
            for table in sorted(TABLES):
                await owner.execute(f"ANALYZE {table}")
    finally:
        await owner.close()
    tenant_id = uuid7()
    await _fill(db, tenant_id, MANY)
    return tenant_id


async def _fill(db: Database, tenant_id: UUID, many: int) -> None:
    async with db.tenant_tx(tenant_id) as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", tenant_id)
        await conn.execute("INSERT INTO assistants (tenant_id, id, name) VALUES ($1, $1, 'A')", tenant_id)
    async with db.worker_tx() as conn:
        for statement in FILL:
            await conn.execute(statement, tenant_id, many)


async def _read(conn: Conn, sql: str, *arguments: Any) -> dict[str, int]:
    """Table -> how many of its rows a statement looked at."""
    found = await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    plan = json.loads(found) if isinstance(found, str) else found
    read: dict[str, int] = {}
    for node in _nodes(plan[0]["Plan"]):
        if node.get("Relation Name") in TABLES and "Scan" in node["Node Type"]:
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            rows += node.get("Rows Removed by Index Recheck", 0)
            read[node["Relation Name"]] = read.get(node["Relation Name"], 0) + round(rows * node["Actual Loops"])
    return read


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


async def test_a_look_for_a_few_reads_a_few(db: Database, tenant: UUID) -> None:
    ids = range(1, 6)
    async with db.worker_tx() as conn:
        uuids = [await conn.fetchval("SELECT md5('d' || $1::text)::uuid", str(n)) for n in ids]
        five = [tenant] * 5
        names = [str(n) for n in ids]
        looks: dict[str, tuple[Any, ...]] = {
            "LOCK_BY_ID": (five, uuids),
            "LOCK_BY_ADDRESS": (five, ["telegram"] * 5, ["1001"] * 5, names),
            "GET_DIALOGS": (five, uuids),
            "GET_DIALOG": (tenant, uuids[0]),
            "CHAT_DIALOGS": (tenant, "1001", "-3"),
            "FIND_SAID": (tenant, uuids[1], "1", 0),
            "LAST_SAID": (tenant, uuids[0]),
            "RECENT_MESSAGES": (tenant, uuids[0], [MANY], 12),
            "SET_DELIVERY": (five, uuids, ["sent"] * 5),
        }
        wide: dict[str, dict[str, int]] = {}
        for name, arguments in looks.items():
            read = await _read(conn, getattr(queries, name), *arguments)
            if not read or max(read.values()) > READ_MAX:
                wide[name] = read
        assert wide == {}


async def test_what_is_not_there_is_not_looked_for_in_all_of_a_long_dialog(db: Database, tenant: UUID) -> None:
    async with db.worker_tx() as conn:
        dialog = await conn.fetchval("SELECT md5('d1')::uuid")
        read = await _read(conn, queries.FIND_SAID, tenant, dialog, "none", MANY - 100)
        assert read["messages"] <= 100 + READ_MAX


async def test_a_chat_is_found_with_its_topics_and_without_those_of_others(db: Database, tenant: UUID) -> None:
    async with db.worker_tx() as conn:
        found = await conn.fetch(
            f"SELECT address FROM dialogs WHERE tenant_id = $1 AND id IN ({queries.CHAT_DIALOGS})", tenant, "1001", "-3"
        )
        assert sorted(row["address"] for row in found) == [f"-3/{n}" for n in range(300, 400, 10)]
        alone = await conn.fetch(queries.CHAT_DIALOGS, tenant, "1001", "33")
        assert len(alone) == 1
