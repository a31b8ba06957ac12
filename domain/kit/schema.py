"""Which schema this code was written for, and whether the database still lets it run.

During a roll two versions of the code share a database: an old one accepts a newer schema until its minimum
compatible revision is newer than the code.
"""

import asyncpg

from domain.kit.db import Database
from domain.kit.errors import Unavailable

REVISION = "0011"  # the newest migration this code knows; a test compares it with migrations/versions

# The oldest code that may run on this schema.
MIN_COMPATIBLE = "SELECT min_compatible FROM schema_compat"


async def check_schema(db: Database) -> None:
    """Raises Unavailable with one sentence when the database is not migrated, or only for newer code."""
    try:
        async with db.app_tx() as conn:
            oldest = await conn.fetchval(MIN_COMPATIBLE)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
        raise Unavailable("The database has no schema yet: run `replyx migrate`.") from error
    if oldest is None:
        raise Unavailable("The database is not migrated to the end: run `replyx migrate`.")
    if oldest > REVISION:
        raise Unavailable(
            f"The database needs code of schema {oldest} or newer, and this is {REVISION}: install a newer ReplyX."
        )
