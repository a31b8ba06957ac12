"""Every statement fits the migrated schema, and names the tenant where its table has one."""

import re

import asyncpg
import pytest

from tests.contract.statements import Statement, all_statements

STATEMENTS = all_statements()
# Tables in which rows of all tenants are looked through by an owner of slots, never on behalf of one tenant.
BY_SLOT = {"inbox", "outbox", "jobs", "bots"}
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:ONLY\s+)?([a-z_]+(?:\.[a-z_]+)?)", re.IGNORECASE)
MAINTENANCE = {"DELETE_OLD_ROWS", "DELETE_OLD"}  # by age, over all tenants


@pytest.fixture(scope="session")
def statement_count() -> int:
    """How many were found: a collector that finds nothing proves nothing."""
    return len(STATEMENTS)


def test_the_collector_finds_them(statement_count: int) -> None:
    assert statement_count > 60


async def test_each_statement_prepares(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    failures: list[str] = []
    try:
        for statement in STATEMENTS:
            try:
                await connection.prepare(statement.sql)
            except asyncpg.PostgresError as error:
                failures.append(f"{statement}: {error}")
    finally:
        await connection.close()
    assert not failures, "\n".join(failures)


async def test_each_statement_names_the_tenant(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'tenant_id' AND table_schema = 'public'"
        )
    finally:
        await connection.close()
    tenant_tables = {row["table_name"] for row in rows}
    silent = [str(s) for s in STATEMENTS if (tables := _tables(s) & tenant_tables) and not _names_tenant(s, tables)]
    assert not silent, f"statements on tenant tables that do not name tenant_id: {silent}"


def test_changes_of_the_directory_name_the_tenant() -> None:
    """The directory has no row-level security: the statement itself must not reach another tenant's row."""
    changes = [s for s in STATEMENTS if re.search(r"\b(?:UPDATE|DELETE FROM) directory\.", s.sql)]
    assert len(changes) >= 3
    assert not [str(s) for s in changes if not re.search(r"WHERE .*\btenant_id = \$1\b", s.sql, re.DOTALL)]


def _tables(statement: Statement) -> set[str]:
    return {name.lower() for name in TABLE.findall(statement.sql)}


def _names_tenant(statement: Statement, tables: set[str]) -> bool:
    if "tenant_id" in statement.sql or statement.name in MAINTENANCE:
        return True
    return tables <= BY_SLOT and "slot" in statement.sql


async def test_every_tenant_table_is_protected(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("""
            SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                array(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace""")
    finally:
        await connection.close()
    assert len(rows) > 12
    open_tables = [row["relname"] for row in rows if not (row["relrowsecurity"] and row["relforcerowsecurity"])]
    assert not open_tables, f"tables without forced row-level security: {open_tables}"
    assert all("tenant" in row["policies"] for row in rows)


async def test_no_login_role_may_bypass_row_level_security(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname IN ('replyx_app', 'replyx_worker')"
        )
    finally:
        await connection.close()
    assert {row["rolname"] for row in rows} == {"replyx_app", "replyx_worker"}
    assert not [row["rolname"] for row in rows if row["rolsuper"] or row["rolbypassrls"]]
