"""Use cases of the health of bots."""

from domain.bothealth import queries
from domain.kit.db import Conn

note_check = queries.note_check
note_minutes = queries.note_minutes
fetch_health = queries.fetch_health


async def forget_old(conn: Conn, *, limit: int) -> int:
    """Delete up to `limit` minutes older than two days; returns how many went."""
    return int((await conn.execute(queries.DELETE_OLD, limit)).rpartition(" ")[2])
