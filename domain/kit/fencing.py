"""The fence: a commit made as owner proves that it still is.

Under read committed a plain `WHERE epoch = $e` would race a takeover; a row locked FOR SHARE makes the takeover wait
for this commit, or this commit see the takeover.
"""

from collections.abc import Mapping

from domain.kit.db import Conn

# Locks the slots' rows in order (the lock order of DESIGN 3 begins here) and returns their current epochs.
LOCK_SLOTS = """
SELECT slot, epoch FROM slot_owners WHERE slot = ANY($1::smallint[]) ORDER BY slot FOR SHARE
"""


async def lost_slots(conn: Conn, held: Mapping[int, int]) -> frozenset[int]:
    """Lock the slots against takeover until this transaction ends; return those whose epoch is no longer `held`'s."""
    rows = await conn.fetch(LOCK_SLOTS, sorted(held))
    current = {row["slot"]: row["epoch"] for row in rows}
    return frozenset(slot for slot, epoch in held.items() if current.get(slot) != epoch)
