"""SQL of the sites."""

from uuid import UUID

from domain.kit.db import Conn, Row
from domain.sites.model import Place, Site, Theme

# Adds a site.
INSERT_SITE = """
INSERT INTO sites (tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state, created_at, updated_at
"""

# Makes its key known to everybody.
INSERT_KEY = "INSERT INTO directory.sites (site_key, tenant_id, site_id) VALUES ($1, $2, $3)"

# From the public key to its tenant.
FETCH_PLACE = "SELECT tenant_id, site_id FROM directory.sites WHERE site_key = $1"

# One site.
FETCH_SITE = """
SELECT tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state, created_at, updated_at
FROM sites WHERE tenant_id = $1 AND id = $2
"""

# Locks a site that is about to change.
LOCK_SITE = """
SELECT tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state, created_at, updated_at
FROM sites WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""

# A tenant's sites, newest first, older than the cursor's.
FETCH_SITES = """
SELECT tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state, created_at, updated_at
FROM sites WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# Replaces what a person may set.
UPDATE_SITE = """
UPDATE sites SET assistant_id = $3, name = $4, allowed_origins = $5, theme = $6, state = $7, updated_at = now()
WHERE tenant_id = $1 AND id = $2
RETURNING tenant_id, id, assistant_id, name, site_key, allowed_origins, theme, state, created_at, updated_at
"""

# Forgets the key first, then the site.
DELETE_KEY = "DELETE FROM directory.sites WHERE tenant_id = $1 AND site_id = $2"
DELETE_SITE = "DELETE FROM sites WHERE tenant_id = $1 AND id = $2 RETURNING id"


async def insert_site(conn: Conn, site: Site) -> Site:
    """Add a site and its key. Raises asyncpg.ForeignKeyViolationError when the assistant is not the tenant's."""
    row = await conn.fetchrow(
        INSERT_SITE,
        site.tenant_id,
        site.id,
        site.assistant_id,
        site.name,
        site.site_key,
        site.allowed_origins,
        _theme(site),
        site.state,
    )
    await conn.execute(INSERT_KEY, site.site_key, site.tenant_id, site.id)
    assert row is not None  # noqa: S101  # an INSERT without ON CONFLICT returns its row or raises
    return _site(row)


async def fetch_place(conn: Conn, *, site_key: str) -> Place | None:
    """Where the key leads."""
    row = await conn.fetchrow(FETCH_PLACE, site_key)
    return Place(row["tenant_id"], row["site_id"]) if row else None


async def fetch_site(conn: Conn, *, tenant_id: UUID, site_id: UUID, lock: bool = False) -> Site | None:
    """One, locked against other changes if asked."""
    row = await conn.fetchrow(LOCK_SITE if lock else FETCH_SITE, tenant_id, site_id)
    return _site(row) if row else None


async def fetch_sites(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Site]:
    """Newest first."""
    return [_site(row) for row in await conn.fetch(FETCH_SITES, tenant_id, before, limit)]


async def update_site(conn: Conn, site: Site) -> Site | None:
    """The changed one, or None when it is gone. Raises asyncpg.ForeignKeyViolationError as insert_site does."""
    row = await conn.fetchrow(
        UPDATE_SITE,
        site.tenant_id,
        site.id,
        site.assistant_id,
        site.name,
        site.allowed_origins,
        _theme(site),
        site.state,
    )
    return _site(row) if row else None


async def delete_site(conn: Conn, *, tenant_id: UUID, site_id: UUID) -> bool:
    """Whether there was one."""
    await conn.execute(DELETE_KEY, tenant_id, site_id)
    return await conn.fetchval(DELETE_SITE, tenant_id, site_id) is not None


def _theme(site: Site) -> dict[str, str]:
    return {"accent": site.theme.accent, "position": site.theme.position}


def _site(row: Row) -> Site:
    values = {name: row[name] for name in Site.__slots__}
    theme = {name: row["theme"][name] for name in Theme.__slots__ if name in row["theme"]}
    return Site(**{**values, "theme": Theme(**theme)})
