"""The site behind a public key, remembered for a few seconds: every message of every visitor asks for it."""

from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Forbidden, NotFound
from domain.sites import Site
from domain.sites import service as sites
from gateway.remembered import Remembered

TTL = 3.0  # seconds until a change of a site is seen by every gateway


class Places:
    """Finds sites by key."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._remembered = Remembered(self._look_up, clock, ttl=TTL)

    async def open_site(self, site_key: str) -> Site:
        """An active site. Raises NotFound for an unknown key, Forbidden for a paused site, Unavailable."""
        site = await self._remembered.find(site_key)
        if site is None:
            raise NotFound("There is no chat with this key; copy the embed code of the site again.")
        if site.state != "active":
            raise Forbidden("This chat is switched off at the moment.")
        return site

    async def _look_up(self, site_key: str) -> Site | None:
        async with self._db.app_tx() as conn:
            place = await sites.find_place(conn, site_key=site_key)
        if place is None:
            return None
        async with self._db.tenant_tx(place.tenant_id) as conn:
            return await sites.get_site(conn, tenant_id=place.tenant_id, site_id=place.site_id)
