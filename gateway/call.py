"""What a handler gets: the request, the process's services, and who calls."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from domain.bus import Bell, bell_channel
from domain.kit.db import Conn
from domain.kit.errors import Forbidden, Unauthorized
from domain.kit.slots import slot_of
from gateway.peer import is_local
from gateway.services import Services
from gateway.tokens import Member, Visitor

# Who may call a route. public: anybody. member: signed in, any role. owner: signed in as owner. visitor: a visitor
# token. reader: a visitor or a member. ops: this host, or METRICS_TOKEN. telegram: the bot's two webhook secrets.
Auth = Literal["public", "member", "owner", "visitor", "reader", "ops", "telegram"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `principal` is set as the route's permission says."""

    request: web.Request
    services: Services
    principal: Member | Visitor | None = None

    @property
    def member(self) -> Member:
        """Who is signed in; only on routes for members."""
        if not isinstance(self.principal, Member):
            raise Unauthorized("Sign in first.")
        return self.principal

    @property
    def visitor(self) -> Visitor:
        """The visitor; only on routes for visitors."""
        if not isinstance(self.principal, Visitor):
            raise Unauthorized("Open the chat again.")
        return self.principal

    def tenant_tx(self) -> AbstractAsyncContextManager[Conn]:
        """A transaction of the member's workspace."""
        return self.services.db.tenant_tx(self.member.tenant_id)

    async def ring_jobs(self) -> None:
        """The member's workspace has a job: call after the commit that made it."""
        slot = slot_of(self.member.tenant_id)
        await self.services.publisher.publish([(bell_channel(slot), Bell(slot, "jobs"))])


def authenticate(request: web.Request, services: Services, auth: Auth) -> Member | Visitor | None:
    """Who calls, if the route wants to know. Raises Unauthorized or Forbidden."""
    if auth in {"public", "telegram"}:
        return None
    if auth == "ops":
        if not may_see_details(request, services):
            raise Forbidden("This is for this host itself, or for a request with the METRICS_TOKEN.")
        return None
    token = bearer(request)
    if token is None:
        raise Unauthorized("Send the header `Authorization: Bearer TOKEN`; /api/auth/login gives one.")
    if auth == "visitor":
        return services.tokens.read_visitor(token)
    if auth == "reader":
        return _reader(services, token)
    member = services.tokens.read_access(token)
    if auth == "owner" and member.role != "owner":
        raise Forbidden("Only an owner of the workspace may do this.")
    return member


def _reader(services: Services, token: str) -> Member | Visitor:
    try:
        return services.tokens.read_visitor(token)
    except Unauthorized:
        return services.tokens.read_access(token)


def bearer(request: web.Request) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def may_see_details(request: web.Request, services: Services) -> bool:
    """Whether the caller is on this host or knows the METRICS_TOKEN."""
    return is_local(request) or services.is_metrics_token(bearer(request))
