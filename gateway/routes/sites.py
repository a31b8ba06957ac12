"""sites: where the widget stands."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.sites import Site
from domain.sites import service as sites
from domain.sites.model import Theme
from domain.sites.rules import checked_theme
from gateway.call import Call
from gateway.paging import Page, PageQuery, page_of
from gateway.routes.models import Input
from gateway.routing import Route


class ThemeModel(Input):
    """How the widget looks."""

    accent: str = Field("#4f46e5", pattern="^#[0-9a-fA-F]{6}$")
    position: Literal["right", "left"] = "right"


DEFAULT_THEME = ThemeModel(accent="#4f46e5", position="right")


class SiteBody(Input):
    """A new site."""

    name: str = Field(max_length=100, examples=["Shop"])
    assistant_id: UUID
    allowed_origins: list[str] = Field(
        default_factory=list, max_length=50, examples=[["https://shop.example"]], description='"*" allows every site.'
    )
    theme: ThemeModel = DEFAULT_THEME


class SiteChanges(Input):
    """What to change; a field that is not named stays."""

    name: str | None = Field(None, max_length=100)
    assistant_id: UUID | None = None
    allowed_origins: list[str] | None = Field(None, max_length=50)
    theme: ThemeModel | None = None
    state: Literal["active", "paused"] | None = None


class SiteOut(BaseModel):
    """A site. `embed_code` goes into its pages."""

    id: UUID
    name: str
    assistant_id: UUID
    site_key: str
    allowed_origins: list[str]
    theme: ThemeModel
    state: Literal["active", "paused"]
    embed_code: str
    chat_url: str
    created_at: datetime | None
    updated_at: datetime | None


async def list_sites(call: Call, query: PageQuery) -> Page[SiteOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows = await sites.list_sites(conn, tenant_id=call.member.tenant_id, before=query.before, limit=query.limit + 1)
    return page_of(rows, query, lambda site: _out(call, site), lambda site: site.id)


async def add_site(call: Call, body: SiteBody) -> SiteOut:
    """Add one with a new public key."""
    async with call.tenant_tx() as conn:
        site = await sites.add_site(
            conn,
            tenant_id=call.member.tenant_id,
            assistant_id=body.assistant_id,
            name=body.name,
            allowed_origins=body.allowed_origins,
            theme=_theme(body.theme),
        )
    return _out(call, site)


async def get_site(call: Call, site_id: UUID) -> SiteOut:
    """Read one."""
    async with call.tenant_tx() as conn:
        return _out(call, await sites.get_site(conn, tenant_id=call.member.tenant_id, site_id=site_id))


async def change_site(call: Call, site_id: UUID, body: SiteChanges) -> SiteOut:
    """Change the named fields."""
    changes: dict[str, object] = {
        name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None
    }
    if body.theme is not None:
        changes["theme"] = _theme(body.theme)
    async with call.tenant_tx() as conn:
        site = await sites.change_site(conn, tenant_id=call.member.tenant_id, site_id=site_id, changes=changes)
    return _out(call, site)


async def delete_site(call: Call, site_id: UUID) -> None:
    """Delete one; its dialogs stay."""
    async with call.tenant_tx() as conn:
        await sites.delete_site(conn, tenant_id=call.member.tenant_id, site_id=site_id)


def _theme(theme: ThemeModel) -> Theme:
    return checked_theme(theme.accent, theme.position)


def _out(call: Call, site: Site) -> SiteOut:
    base = call.services.settings.base_url
    return SiteOut(
        id=site.id,
        name=site.name,
        assistant_id=site.assistant_id,
        site_key=site.site_key,
        allowed_origins=site.allowed_origins,
        theme=ThemeModel(accent=site.theme.accent, position=site.theme.position),
        state=site.state,
        embed_code=f'<script src="{base}/widget.js" data-site="{site.site_key}" async></script>',
        chat_url=f"{base}/chat/{site.site_key}",
        created_at=site.created_at,
        updated_at=site.updated_at,
    )


_TAG = "sites"
_ONE = "/api/sites/{site_id}"
ROUTES = (
    Route("GET", "/api/sites", list_sites, "member", _TAG, "List the sites, newest first."),
    Route("POST", "/api/sites", add_site, "owner", _TAG, "Add a site; the answer has its embed code.", 201),
    Route("GET", _ONE, get_site, "member", _TAG, "Read a site."),
    Route("PATCH", _ONE, change_site, "owner", _TAG, "Change or pause a site."),
    Route("DELETE", _ONE, delete_site, "owner", _TAG, "Delete a site; its dialogs stay.", 204),
)
