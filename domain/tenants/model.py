"""A workspace and who belongs to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from domain.accounts.model import User

Role = Literal["owner", "operator"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace. `uncertain_policy`: a reply whose delivery is unknown is sent once more, or held for a person."""

    id: UUID
    name: str
    uncertain_policy: Literal["resend", "hold"]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """One of a person's workspaces, and the role there."""

    tenant_id: UUID
    tenant_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Registration:
    """A new person with a new workspace."""

    user: User
    membership: Membership
