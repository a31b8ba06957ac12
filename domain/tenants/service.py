"""Use cases of workspaces."""

from typing import Literal
from uuid import UUID

from domain.accounts import service as accounts
from domain.accounts.passwords import Passwords
from domain.accounts.rules import check_password, normal_email
from domain.kit.db import Conn, Database
from domain.kit.errors import NotFound
from domain.kit.ids import uuid7
from domain.tenants import queries
from domain.tenants.model import Membership, Registration, Tenant
from domain.tenants.rules import clean_name


async def register(
    db: Database, passwords: Passwords, *, email: str, password: str, name: str, workspace: str, locale: str = "en"
) -> Registration:
    """A new person who owns a new workspace. Raises Invalid, or Conflict when the address has an account."""
    address = normal_email(email)
    check_password(password)
    tenant_id, tenant_name = uuid7(), clean_name(workspace, what="workspace's name")
    person = clean_name(name, what="name")
    password_hash = await passwords.hash(password)
    async with db.tenant_tx(tenant_id) as conn:
        user = await accounts.add_user(conn, email=address, name=person, locale=locale, password_hash=password_hash)
        await queries.insert_tenant(conn, tenant_id=tenant_id, name=tenant_name)
        await queries.insert_membership(conn, tenant_id=tenant_id, user_id=user.id, role="owner")
    return Registration(user, Membership(tenant_id, tenant_name, "owner"))


async def memberships(conn: Conn, *, user_id: UUID) -> list[Membership]:
    """A person's workspaces, oldest first."""
    return await queries.fetch_memberships(conn, user_id=user_id)


async def get_tenant(conn: Conn, *, tenant_id: UUID) -> Tenant:
    """The workspace of the transaction. Raises NotFound."""
    tenant = await queries.fetch_tenant(conn, tenant_id=tenant_id)
    if tenant is None:
        raise NotFound("This workspace does not exist any more.")
    return tenant


async def set_uncertain_policy(conn: Conn, *, tenant_id: UUID, policy: Literal["resend", "hold"]) -> None:
    """Say what happens to replies whose delivery is unknown; shards follow within seconds. Raises NotFound."""
    if await conn.fetchval(queries.SET_UNCERTAIN_POLICY, tenant_id, policy) is None:
        raise NotFound("This workspace does not exist any more.")
