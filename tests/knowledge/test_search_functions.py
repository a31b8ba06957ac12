"""The search functions of migration 0005: one tenant, the index, and nobody else's rights."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from domain.kit.db import Conn, Database
from domain.kit.ids import uuid7
from domain.kit.settings import Settings
from tests.knowledge.conftest import Tenant

ROWS = 50_000
CALL = "SELECT chunk_id FROM search_chunks($1::text[], $1::text[], array_fill(1::real, ARRAY[cardinality($1)]), $2, $3)"

# Fifty thousand passages of one tenant: common words in most of them, a rare one in ten.
FILL = """
INSERT INTO chunks (tenant_id, id, document_id, ordinal, text, language, tsv, index_id, embedding)
SELECT $1, gen_random_uuid(), $2, n, 'text', 'en',
    passage_tsv('en', NULL, 'order parcel courier ' || n || CASE WHEN n % 5000 = 7 THEN ' kayak' ELSE '' END),
    $3, '[1,0,0]'::vector
FROM generate_series(1, $4) AS n
"""


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[Conn]:
    """The schema's owner, under forced row-level security like everybody."""
    conn = await asyncpg.connect(settings.owner_dsn)
    yield conn
    await conn.close()


async def _fill(owner: Conn, tenant: Tenant, rows: int) -> None:
    blob, document = uuid7(), uuid7()
    await owner.execute("INSERT INTO blobs VALUES ($1, $2, '\\x00', 1, '\\x00')", tenant.id, blob)
    await owner.execute(
        "INSERT INTO documents (tenant_id, id, title, file_name, media_type, size, blob_id, content_hash)"
        " VALUES ($1, $2, 'T', 't', 'text/plain', 1, $3, '\\x00')",
        *(tenant.id, document, blob),
    )
    q = "INSERT INTO embedding_indexes (model, dimension) VALUES ('m', 3) ON CONFLICT DO NOTHING"
    await owner.execute(q)
    index = await owner.fetchval("SELECT id FROM embedding_indexes WHERE model = 'm'")
    await owner.execute(FILL, tenant.id, document, index, rows)


async def test_the_search_uses_the_index_under_row_level_security(owner: Conn, db: Database, tenant: Tenant) -> None:
    await _fill(owner, tenant, ROWS)
    await owner.execute("ANALYZE chunks")
    body = str(await owner.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'search_chunks'"))
    values = {"wanted_lexemes": "$1::text[]", "lexemes": "$1::text[]", "weights": "$2::real[]", "wanted": "$3::int"}
    body = re.sub(r"\b(wanted_lexemes|lexemes|weights|wanted)\b", lambda name: values[name[0]], body)
    body = body.replace("= assistant)", "= NULL::uuid)")
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant.id))
        rows = await owner.fetch(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {body}", ["kayak"], [1.0], 30)
    plan = "\n".join(row[0] for row in rows)
    assert "Bitmap Index Scan on chunks_tsv" in plan
    assert "Seq Scan on chunks" not in plan
    async with db.tenant_tx(tenant.id) as conn:
        assert len(await conn.fetch(CALL, ["kayak"], None, 30)) == ROWS // 5000
        assert len(await conn.fetch(CALL, ["order", "kayak"], None, 30)) == 30


async def test_without_the_function_the_app_role_could_not_use_the_index(
    owner: Conn, db: Database, tenant: Tenant
) -> None:
    """The reason for the function; if this fails, Postgres has learnt something and the function can go."""
    await _fill(owner, tenant, 5_000)
    await owner.execute("ANALYZE chunks")
    async with db.tenant_tx(tenant.id) as conn:
        rows = await conn.fetch("EXPLAIN (COSTS off) SELECT id FROM chunks WHERE tsv @@ 'kayak'::tsquery")
    assert "chunks_tsv" not in "\n".join(row[0] for row in rows)


async def _tenant_of_found(conn: Conn, lexeme: str) -> set[UUID]:
    ids = [row["chunk_id"] for row in await conn.fetch(CALL, [lexeme], None, 100)]
    return {row["tenant_id"] for row in await conn.fetch("SELECT tenant_id FROM chunks WHERE id = ANY($1)", ids)}


async def test_the_tenant_comes_from_the_setting_only(
    owner: Conn, db: Database, tenant: Tenant, settings: Settings
) -> None:
    await _fill(owner, tenant, 10)
    async with db.tenant_tx(tenant.id) as conn:
        assert await _tenant_of_found(conn, "order") == {tenant.id}
    async with db.app_tx() as conn:
        assert await conn.fetch(CALL, ["order"], None, 100) == []
    async with db.tenant_tx(UUID(int=1)) as conn:
        assert await conn.fetch(CALL, ["order"], None, 100) == []


async def test_only_the_app_role_may_call_them(db: Database, owner: Conn) -> None:
    async with db.worker_tx() as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetch(CALL, ["order"], None, 1)
    found = await owner.fetch(
        "SELECT p.proname, p.proconfig, r.rolname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
        " WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'search%'"
    )
    assert sorted(row["proname"] for row in found) == ["search_chunks", "search_pairs"]
    assert all(row["proconfig"] == ["search_path=public, pg_temp"] for row in found)
    assert {row["rolname"] for row in found} == {"replyx_owner"}


async def test_lexemes_are_never_operators(owner: Conn) -> None:
    for lexeme in ("a' | 'b", "\\", "'", "a:*", "!", "x\\'y"):
        query = await owner.fetchval("SELECT any_of(ARRAY[$1])::text", lexeme)
        assert await owner.fetchval("SELECT numnode($1::text::tsquery)", query) == 1
    assert await owner.fetchval("SELECT any_of('{}'::text[])") is None
