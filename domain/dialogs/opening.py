"""Find or open the dialogs of a batch of arrivals, and hold their locks."""

from collections.abc import Sequence
from uuid import UUID

from domain.dialogs import queries
from domain.dialogs.model import LockedDialog, Opening
from domain.kit.db import Conn
from domain.kit.ids import uuid7

Key = tuple[UUID, str, str, str]


async def lock_or_open(conn: Conn, openings: Sequence[Opening]) -> dict[Key, LockedDialog]:
    """Lock the dialogs of `openings` by (tenant, channel, source, address), opening the missing ones first."""
    wanted = {opening.key: opening for opening in openings}
    found = await _lock(conn, sorted(wanted))
    missing = [opening for key, opening in sorted(wanted.items()) if key not in found]
    if missing:
        contacts = await _contacts(conn, missing)
        rows = [
            (o.tenant_id, o.dialog_id, o.channel, o.source, o.address, contacts[_who(o)], o.assistant_id, o.slot)
            for o in missing
        ]
        await conn.execute(queries.INSERT_DIALOGS, *(list(column) for column in zip(*rows, strict=True)))
        found |= await _lock(conn, [opening.key for opening in missing])
    return found


async def lock_existing(conn: Conn, openings: Sequence[Opening]) -> dict[Key, LockedDialog]:
    """Lock those dialogs of `openings` that exist."""
    return await _lock(conn, sorted(opening.key for opening in openings))


async def _lock(conn: Conn, keys: Sequence[Key]) -> dict[Key, LockedDialog]:
    rows = await conn.fetch(queries.LOCK_BY_ADDRESS, *(list(column) for column in zip(*keys, strict=True)))
    dialogs = [queries.locked(row) for row in rows]
    return {(d.tenant_id, d.channel, d.source, d.address): d for d in dialogs}


async def _contacts(conn: Conn, openings: Sequence[Opening]) -> dict[Key, UUID]:
    rows = [
        (o.tenant_id, uuid7(), o.channel, o.source, o.external_id, o.name, o.username, o.language) for o in openings
    ]
    found = await conn.fetch(queries.UPSERT_CONTACTS, *(list(column) for column in zip(*rows, strict=True)))
    return {(row["tenant_id"], row["channel"], row["source"], row["external_id"]): row["id"] for row in found}


def _who(opening: Opening) -> Key:
    return (opening.tenant_id, opening.channel, opening.source, opening.external_id)
