"""SQL of the workspaces."""

from uuid import UUID

from domain.kit.db import Conn, Row
from domain.tenants.model import Membership, Role, Tenant

# Adds a workspace; the transaction's tenant is already the new one, or row-level security refuses.
INSERT_TENANT = "INSERT INTO tenants (id, name) VALUES ($1, $2)"

# Makes a person a member.
INSERT_MEMBERSHIP = "INSERT INTO memberships (tenant_id, user_id, role) VALUES ($1, $2, $3)"

# A person's workspaces, oldest first: a SECURITY DEFINER function, because no tenant is known yet.
FETCH_MEMBERSHIPS = "SELECT tenant_id, tenant_name, role FROM memberships_of($1)"

# What happens to replies whose delivery is unknown.
SET_UNCERTAIN_POLICY = "UPDATE tenants SET uncertain_policy = $2 WHERE id = $1 RETURNING id"

# The workspace itself.
FETCH_TENANT = "SELECT id, name, uncertain_policy, created_at FROM tenants WHERE id = $1"


async def insert_tenant(conn: Conn, *, tenant_id: UUID, name: str) -> None:
    """Add a workspace."""
    await conn.execute(INSERT_TENANT, tenant_id, name)


async def insert_membership(conn: Conn, *, tenant_id: UUID, user_id: UUID, role: Role) -> None:
    """Add a member."""
    await conn.execute(INSERT_MEMBERSHIP, tenant_id, user_id, role)


async def fetch_memberships(conn: Conn, *, user_id: UUID) -> list[Membership]:
    """A person's workspaces, oldest first."""
    return [_membership(row) for row in await conn.fetch(FETCH_MEMBERSHIPS, user_id)]


async def fetch_tenant(conn: Conn, *, tenant_id: UUID) -> Tenant | None:
    """The workspace."""
    row = await conn.fetchrow(FETCH_TENANT, tenant_id)
    return Tenant(**{name: row[name] for name in Tenant.__slots__}) if row else None


def _membership(row: Row) -> Membership:
    return Membership(**{name: row[name] for name in Membership.__slots__})
