"""auth, users: registration, sign-in, who am I."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from domain.accounts import User
from domain.accounts import service as accounts
from domain.kit.errors import Forbidden, Unauthorized
from domain.kit.log import logger
from domain.tenants import Membership, Role
from domain.tenants import service as tenants
from gateway.call import Call
from gateway.peer import client_ip, is_local
from gateway.routes.models import Input
from gateway.routing import Route
from gateway.tokens import ACCESS_TTL, Member

log = logger(__name__)


class RegisterBody(Input):
    """A new person and a new workspace."""

    email: str = Field(max_length=254, examples=["ann@example.com"])
    password: str = Field(max_length=1000, description="8 to 128 characters.")
    name: str = Field(max_length=100, examples=["Ann"])
    workspace: str = Field(max_length=100, examples=["Ann's shop"])
    locale: str = Field("en", pattern="^[a-z]{2}$")


class LoginBody(Input):
    """Who signs in, and to which workspace (the oldest, when none is named)."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)
    tenant_id: UUID | None = None


class UserOut(BaseModel):
    """A person."""

    id: UUID
    email: str
    name: str
    locale: str
    created_at: datetime


class WorkspaceOut(BaseModel):
    """One of a person's workspaces."""

    tenant_id: UUID
    name: str
    role: Role


class SessionOut(BaseModel):
    """A signed-in person. Send `Authorization: Bearer <access_token>`."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105  # the scheme of RFC 6750
    expires_in: int = Field(description="Seconds.")
    user: UserOut
    workspace: WorkspaceOut
    workspaces: list[WorkspaceOut]


class MeOut(BaseModel):
    """Who is signed in, and where."""

    user: UserOut
    workspace: WorkspaceOut
    workspaces: list[WorkspaceOut]


async def register(call: Call, body: RegisterBody) -> SessionOut:
    """Add a person with a workspace of their own."""
    if not is_local(call.request):
        call.services.limits.registrations.take(client_ip(call.request))
    added = await tenants.register(
        call.services.db,
        call.services.passwords,
        email=body.email,
        password=body.password,
        name=body.name,
        workspace=body.workspace,
        locale=body.locale,
    )
    return _session(call, added.user, added.membership, [added.membership])


async def login(call: Call, body: LoginBody) -> SessionOut:
    """Check the password, slowly for those who guess."""
    services, ip = call.services, client_ip(call.request)
    await services.throttle.take(ip=ip, email=body.email)
    try:
        user = await accounts.authenticate(services.db, services.passwords, email=body.email, password=body.password)
    except Unauthorized:
        log.warning("auth.failed", ip=ip)
        raise
    await services.throttle.succeeded(ip=ip, email=body.email)
    async with services.db.app_tx() as conn:
        memberships = await tenants.memberships(conn, user_id=user.id)
    return _session(call, user, _chosen(memberships, body.tenant_id), memberships)


async def me(call: Call) -> MeOut:
    """The person behind the token."""
    async with call.services.db.app_tx() as conn:
        user = await accounts.get_user(conn, user_id=call.member.user_id)
        memberships = await tenants.memberships(conn, user_id=user.id)
    chosen = _chosen(memberships, call.member.tenant_id)
    return MeOut(user=_user(user), workspace=_workspace(chosen), workspaces=[_workspace(m) for m in memberships])


def _chosen(memberships: list[Membership], wanted: UUID | None) -> Membership:
    for membership in memberships:
        if wanted in {None, membership.tenant_id}:
            return membership
    raise Forbidden("You do not belong to this workspace; ask its owner to invite you.")


def _session(call: Call, user: User, chosen: Membership, memberships: list[Membership]) -> SessionOut:
    token = call.services.tokens.access(Member(user.id, chosen.tenant_id, chosen.role))
    return SessionOut(
        access_token=token,
        expires_in=int(ACCESS_TTL.total_seconds()),
        user=_user(user),
        workspace=_workspace(chosen),
        workspaces=[_workspace(membership) for membership in memberships],
    )


def _user(user: User) -> UserOut:
    return UserOut(id=user.id, email=user.email, name=user.name, locale=user.locale, created_at=user.created_at)


def _workspace(membership: Membership) -> WorkspaceOut:
    return WorkspaceOut(tenant_id=membership.tenant_id, name=membership.tenant_name, role=membership.role)


ROUTES = (
    Route("POST", "/api/auth/register", register, "public", "auth", "Register with a new workspace.", 201),
    Route("POST", "/api/auth/login", login, "public", "auth", "Sign in."),
    Route("GET", "/api/users/me", me, "member", "users", "Who is signed in."),
)
