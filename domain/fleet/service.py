"""Looking at the shards, and wishing for a number of them."""

from domain.fleet import queries
from domain.fleet.model import MAX_SHARDS, Fleet
from domain.kit.db import Conn
from domain.kit.errors import Invalid


async def look(conn: Conn) -> Fleet:
    """The shards of every host."""
    return await queries.fetch_fleet(conn)


async def wished(conn: Conn, *, host: str, default: int) -> int:
    """How many shards `host` should run: its own wish, else the one for all hosts, else `default`."""
    wishes = await queries.fetch_wishes(conn)
    return wishes.get(host, wishes.get("", default))


async def scale(conn: Conn, shards: int, *, host: str = "") -> None:
    """Wish for `shards` on `host`, or on every host. Survives restarts of everything. Raises Invalid."""
    if not 1 <= shards <= MAX_SHARDS:
        raise Invalid(f"A host runs 1 to {MAX_SHARDS} shards.")
    await queries.upsert_wish(conn, host=host, shards=shards)
