"""A site with the widget on it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Theme:
    """How the widget looks: `accent` is #rrggbb, `position` the corner of the launcher."""

    accent: str = "#4f46e5"
    position: Literal["right", "left"] = "right"


@dataclass(frozen=True, slots=True)
class Site:
    """`site_key` is public (it stands in the page); `allowed_origins` are like https://shop.example, or "*"."""

    tenant_id: UUID
    id: UUID
    assistant_id: UUID
    name: str
    site_key: str
    allowed_origins: list[str] = field(default_factory=list)
    theme: Theme = field(default_factory=Theme)
    state: Literal["active", "paused"] = "active"
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a site key leads."""

    tenant_id: UUID
    site_id: UUID
