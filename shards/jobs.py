"""Background work of the owned slots: claimed, run a few at a time, handed back when the slot moves."""

import asyncio
from collections.abc import Mapping

from domain.kit import jobs
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.jobs import Handler, Job
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from shards.ownership import Ownership

log = logger(__name__)

AT_ONCE = 2  # jobs run beside the turns of a shard
LOOK_EVERY = 1.0  # seconds


class JobRunner:
    """Runs jobs by kind."""

    def __init__(self, db: Database, ownership: Ownership, handlers: Mapping[str, Handler], clock: Clock) -> None:
        self._db = db
        self._ownership = ownership
        self._handlers = handlers
        self._clock = clock
        self._running: dict[int, tuple[Job, asyncio.Task[None]]] = {}
        self._frozen: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks = Tasks("jobs")

    def ring(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Eternal: claim and start what is due."""
        while True:
            self._wake.clear()
            try:
                await self._start_due()
            except Unavailable as error:
                log.warning("jobs.paused", reason=error.detail)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def gained(self, slots: frozenset[int]) -> None:
        """Look into new slots."""
        self._frozen -= slots
        self.ring()

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Start nothing more in these; returns those with a job running."""
        self._frozen |= slots
        return frozenset(job.slot for job, _ in self._running.values()) & slots

    async def settle(self, slots: frozenset[int]) -> None:
        """Jobs are interrupted and handed back: the next owner resumes from their progress."""
        entries = [entry for entry in self._running.values() if entry[0].slot in slots]
        for _, task in entries:
            task.cancel()
        for job, task in entries:
            await asyncio.wait([task])
            if not task.cancelled():
                continue  # it reached its verdict
            try:
                await jobs.hand_back(self._db, job)
            except (Unavailable, LostOwnership) as error:
                log.warning("job.not_handed_back", job=job.id, reason=error.detail)

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        for job, task in list(self._running.values()):
            if job.slot in slots:
                task.cancel()
        self._frozen -= slots

    async def stop(self) -> None:
        """Cancel everything."""
        await self._tasks.stop()

    async def _start_due(self) -> None:
        free = AT_ONCE - len(self._running)
        held = {slot: epoch for slot, epoch in self._ownership.held.items() if slot not in self._frozen}
        if free <= 0 or not held:
            return
        async with self._db.worker_tx() as conn:
            claimed = await jobs.claim(conn, held=held, limit=free, running=list(self._running))
        for job in claimed:
            log.info("job.started", job=job.id, kind=job.kind, attempt=job.attempts)
            self._running[job.id] = (job, self._tasks.short(job.kind, self._run(job)))

    async def _run(self, job: Job) -> None:
        try:
            await jobs.run(self._db, job, self._handlers)
        except LostOwnership:
            log.info("job.lost", job=job.id)
        except Unavailable as error:
            log.warning("job.postponed", job=job.id, reason=error.detail)
        finally:
            self._running.pop(job.id, None)
            self.ring()
