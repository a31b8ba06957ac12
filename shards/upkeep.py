"""What one shard does for all: the owner of slot 0 forgets what is old, and re-embeds after a change of model."""

from collections.abc import Awaitable, Callable

from domain.bothealth import service as bothealth
from domain.bus import Bell, Publisher, bell_channel
from domain.clients.embeddings import Embedder
from domain.deadletters import service as deadletters
from domain.inbox import service as inbox
from domain.kit import jobs
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.slots import slot_of
from domain.knowledge import jobs as knowledge_jobs
from domain.outbox import service as outbox
from shards.ownership import Ownership

log = logger(__name__)

LOOK_EVERY = 10.0  # seconds
BATCH = 5000  # rows deleted in one transaction
TIDY_EVERY = 3600.0  # seconds between deletions of old keys and rows


class Upkeep:
    """Work without a tenant."""

    def __init__(
        self, *, db: Database, ownership: Ownership, publisher: Publisher, embedder: Embedder | None, clock: Clock
    ) -> None:
        self._db = db
        self._ownership = ownership
        self._publisher = publisher
        self._embedder = embedder
        self._clock = clock
        self._tidy_at = 0.0
        self._model_checked = embedder is None

    async def run(self) -> None:
        """Eternal: look whether something is due."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            if self._ownership.owns(0):
                try:
                    await self._look()
                except Unavailable as error:
                    log.info("upkeep.postponed", reason=error.detail)

    async def _look(self) -> None:
        if not self._model_checked and self._embedder is not None:
            await self._check_model(self._embedder)
            self._model_checked = True
        if self._clock.monotonic() >= self._tidy_at:
            for slice_ in (inbox, outbox, deadletters, bothealth, jobs):
                while await self._forget_some(slice_.forget_old):
                    pass
            self._tidy_at = self._clock.monotonic() + TIDY_EVERY

    async def _forget_some(self, forget: Callable[..., Awaitable[int]]) -> bool:
        """One batch, one short transaction; True if there may be more."""
        async with self._db.worker_tx() as conn:
            return await forget(conn, limit=BATCH) >= BATCH

    async def _check_model(self, embedder: Embedder) -> None:
        """Whoever has vectors of another model gets them anew; search falls back on words until then."""
        if embedder.dimension is None:
            await embedder.embed_passages(["."])
        async with self._db.worker_tx() as conn:
            tenants = await knowledge_jobs.enqueue_reindex(conn, embedder)
        slots = {slot_of(tenant) for tenant in tenants}
        await self._publisher.publish((bell_channel(slot), Bell(slot, "jobs")) for slot in sorted(slots))
        if tenants:
            log.info("upkeep.reindexing", tenants=len(tenants), model=embedder.model)
