"""workspace: what holds for all of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.tenants import Tenant
from domain.tenants import service as tenants
from gateway.call import Call
from gateway.routes.models import Input
from gateway.routing import Route

_POLICY = (
    "What happens to a reply when Telegram did not say whether it arrived. resend: it is sent once more, and marked "
    "`It may have arrived twice.` hold: it stays `uncertain` until a person sends it again or dismisses it."
)


class WorkspaceOut(BaseModel):
    """The workspace."""

    id: UUID
    name: str
    uncertain_policy: Literal["resend", "hold"] = Field(description=_POLICY)
    created_at: datetime


class WorkspaceChanges(Input):
    """What to change; a field that is not named stays."""

    uncertain_policy: Literal["resend", "hold"] | None = Field(None, description=_POLICY)


async def get_workspace(call: Call) -> WorkspaceOut:
    """Read it."""
    async with call.tenant_tx() as conn:
        return _out(await tenants.get_tenant(conn, tenant_id=call.member.tenant_id))


async def change_workspace(call: Call, body: WorkspaceChanges) -> WorkspaceOut:
    """Change the named fields; shards follow within five seconds."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        if body.uncertain_policy is not None:
            await tenants.set_uncertain_policy(conn, tenant_id=tenant_id, policy=body.uncertain_policy)
        return _out(await tenants.get_tenant(conn, tenant_id=tenant_id))


def _out(tenant: Tenant) -> WorkspaceOut:
    return WorkspaceOut(**{name: getattr(tenant, name) for name in WorkspaceOut.model_fields})


_TAG = "workspace"
ROUTES = (
    Route("GET", "/api/workspace", get_workspace, "member", _TAG, "Read the workspace."),
    Route("PATCH", "/api/workspace", change_workspace, "owner", _TAG, "Change the workspace."),
)
