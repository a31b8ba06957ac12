"""The site behind a public key, remembered for a few seconds: every message of every visitor asks for it."""

from collections import OrderedDict

from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Forbidden
from domain.sites import Site
from domain.sites import service as sites

_TTL = 3.0  # seconds until a change of a site is seen by every gateway
_ENTRIES = 10_000


class Places:
    """Finds sites by key."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Site]] = OrderedDict()

    async def open_site(self, site_key: str) -> Site:
        """An active site. Raises NotFound for an unknown key, Forbidden for a paused site, Unavailable."""
        now = self._clock.monotonic()
        entry = self._known.get(site_key)
        site = entry[1] if entry is not None and entry[0] > now else await self._look_up(site_key, now)
        if site.state != "active":
            raise Forbidden("This chat is switched off at the moment.")
        return site

    async def _look_up(self, site_key: str, now: float) -> Site:
        async with self._db.app_tx() as conn:
            place = await sites.find_place(conn, site_key=site_key)
        async with self._db.tenant_tx(place.tenant_id) as conn:
            site = await sites.get_site(conn, tenant_id=place.tenant_id, site_id=place.site_id)
        self._known[site_key] = (now + _TTL, site)
        self._known.move_to_end(site_key)
        if len(self._known) > _ENTRIES:
            self._known.popitem(last=False)
        return site
