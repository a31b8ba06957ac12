"""Expand, roll the code, contract: what `replyx migrate` promises about a roll."""

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

import migrations
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.schema import REVISION, check_schema
from domain.kit.settings import Settings
from ops.migrate import migrate
from tests.contract.statements import all_statements
from tests.services import EMPTY, Services

EXPAND = """
from alembic import op

revision, down_revision, phase, min_compatible = "9001", "{head}", "pre", "{head}"


def upgrade() -> None:
    op.execute("ALTER TABLE sites ADD COLUMN words text")
    op.execute("UPDATE assistants SET instructions = 'migrated'")  # a data migration, in spite of FORCE
"""
CONTRACT = """
from alembic import op

revision, down_revision, phase, min_compatible = "9002", "9001", "post", "9001"


def upgrade() -> None:
    op.execute("ALTER TABLE sites DROP COLUMN theme")
"""


@pytest.fixture
def revisions(tmp_path: Path) -> Path:
    """The product's revisions, and two of the next release."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9001_expand.py").write_text(EXPAND.format(head=REVISION))
    (folder / "versions" / "9002_contract.py").write_text(CONTRACT)
    return folder


def _structure(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema IN ('public', 'directory') ORDER BY 1, 2, 3"
        ).fetchall()


def test_from_nothing_is_what_upgrading_gives(
    services: Services, settings: Settings, database_url: str, revisions: Path
) -> None:
    empty = services.create_database("from_nothing", template=EMPTY)
    try:
        fresh = settings.model_copy(update={"database_url": empty})
        assert migrate(fresh, folder=revisions).before is None
        assert migrate(settings, folder=revisions).before == REVISION
        assert _structure(empty) == _structure(database_url)
    finally:
        services.drop_database("from_nothing")


def test_migrating_twice_changes_nothing(settings: Settings, database_url: str) -> None:
    before = _structure(database_url)
    done = migrate(settings)
    assert (done.before, done.after) == (REVISION, REVISION)
    assert _structure(database_url) == before


async def test_the_running_code_lives_with_the_first_phase(
    settings: Settings, database_url: str, revisions: Path, db: Database, sample: Callable[[], None]
) -> None:
    sample()
    assert migrate(settings, phase="pre", folder=revisions).after == "9001"
    assert migrate(settings, phase="pre", folder=revisions).after == "9001"
    await check_schema(db)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT DISTINCT instructions FROM assistants").fetchall() == [("migrated",)]
    async with db.worker_tx() as worker:
        for statement in all_statements():
            if statement.module.startswith(("domain.sites", "domain.assistants", "domain.dialogs")):
                await worker.prepare(statement.sql)


async def test_the_last_phase_ends_the_old_code(settings: Settings, revisions: Path, db: Database) -> None:
    assert migrate(settings, folder=revisions).after == "9002"
    with pytest.raises(Unavailable, match="install a newer ReplyX"):
        await check_schema(db)


@pytest.fixture
def sample(database_url: str) -> Callable[[], None]:
    """Two tenants with an assistant each."""

    def make() -> None:
        with psycopg.connect(database_url) as conn:
            for _ in range(2):
                tenant = uuid4()
                conn.execute("INSERT INTO tenants (id, name) VALUES (%s, 'T')", (tenant,))
                conn.execute("INSERT INTO assistants (tenant_id, id, name) VALUES (%s, %s, 'A')", (tenant, uuid4()))

    return make
