"""The code and the database agree on the schema, or the process says in one sentence why not."""

import re
from pathlib import Path

import psycopg
import pytest

from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.schema import REVISION, check_schema

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


def test_the_code_knows_the_newest_migration() -> None:
    numbers = [found[1] for path in VERSIONS.glob("*.py") if (found := re.match(r"(\d{4})_", path.name))]
    assert max(numbers) == REVISION


async def test_a_migrated_database_is_accepted(db: Database) -> None:
    await check_schema(db)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("UPDATE schema_compat SET min_compatible = '9000'", "install a newer ReplyX"),
        ("DELETE FROM schema_compat", "replyx migrate"),
        ("DROP TABLE schema_compat", "replyx migrate"),
    ],
)
async def test_another_database_is_refused(db: Database, database_url: str, change: str, part: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(change.encode())
    with pytest.raises(Unavailable) as refusal:
        await check_schema(db)
    assert part in refusal.value.detail
