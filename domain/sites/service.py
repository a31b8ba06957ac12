"""Use cases of sites. Each but `find_place` runs in its caller's transaction of the tenant."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from domain.kit.db import Conn
from domain.kit.errors import NotFound
from domain.kit.ids import token, uuid7
from domain.sites import queries
from domain.sites.model import Place, Site, Theme
from domain.sites.rules import checked_name, normal_origins

_NO_ASSISTANT = "The assistant of this site does not exist."


async def add_site(
    conn: Conn, *, tenant_id: UUID, assistant_id: UUID, name: str, allowed_origins: list[str], theme: Theme
) -> Site:
    """Add a site with a new public key. Raises Invalid, or NotFound when the assistant is not the tenant's."""
    site = Site(
        tenant_id=tenant_id,
        id=uuid7(),
        assistant_id=assistant_id,
        name=checked_name(name),
        site_key=token("site", 12),
        allowed_origins=normal_origins(allowed_origins),
        theme=theme,
    )
    try:
        async with conn.transaction():
            return await queries.insert_site(conn, site)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(_NO_ASSISTANT) from error


async def find_place(conn: Conn, *, site_key: str) -> Place | None:
    """Where a public key leads, if anywhere; needs no tenant."""
    return await queries.fetch_place(conn, site_key=site_key)


async def get_site(conn: Conn, *, tenant_id: UUID, site_id: UUID) -> Site:
    """Raises NotFound."""
    return _found(await queries.fetch_site(conn, tenant_id=tenant_id, site_id=site_id))


async def list_sites(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Site]:
    """Up to `limit`, newest first, older than the one with the id `before`."""
    return await queries.fetch_sites(conn, tenant_id=tenant_id, before=before, limit=limit)


async def change_site(conn: Conn, *, tenant_id: UUID, site_id: UUID, changes: dict[str, Any]) -> Site:
    """Set the fields of `changes` (name, assistant_id, allowed_origins, theme, state). Raises NotFound, Invalid."""
    old = _found(await queries.fetch_site(conn, tenant_id=tenant_id, site_id=site_id, lock=True))
    new = replace(old, **changes)
    new = replace(new, name=checked_name(new.name), allowed_origins=normal_origins(new.allowed_origins))
    try:
        async with conn.transaction():
            return _found(await queries.update_site(conn, new))
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(_NO_ASSISTANT) from error


async def delete_site(conn: Conn, *, tenant_id: UUID, site_id: UUID) -> None:
    """Delete it; its dialogs stay. Raises NotFound."""
    if not await queries.delete_site(conn, tenant_id=tenant_id, site_id=site_id):
        raise NotFound("This site does not exist.")


def _found(site: Site | None) -> Site:
    if site is None:
        raise NotFound("This site does not exist.")
    return site
