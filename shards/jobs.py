"""Background work of the owned slots: claimed, run a few at a time, handed back when the slot moves.

Kinds with the same first word ("knowledge.ingest") share a lane, so that a long ingest does not hold up a broadcast;
within a lane tenants take turns, and none may have all of its places.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from domain.kit import jobs, schedules
from domain.kit.clock import Clock
from domain.kit.crashpoints import crash_point
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.jobs import Handler, Job
from domain.kit.log import logger
from domain.kit.metrics import Counter
from domain.kit.tasks import Tasks
from shards.ownership import Ownership

log = logger(__name__)

LOOK_EVERY = 1.0  # seconds
PLACES = 3  # jobs of one lane run at a time, beside the turns of a shard
PER_TENANT = PLACES - 1  # of them one tenant may have

JOBS = Counter("replyx_jobs_total", "Jobs started, by kind", ["kind"])


@dataclass(slots=True)
class _Lane:
    """The kinds that share places; without kinds, whatever this version does not know (to say so)."""

    kinds: list[str]
    among: bool = True
    running: set[int] = field(default_factory=set)


def _lanes(kinds: Mapping[str, Handler]) -> list[_Lane]:
    words = sorted({kind.partition(".")[0] for kind in kinds})
    known = [_Lane(sorted(kind for kind in kinds if kind.partition(".")[0] == word)) for word in words]
    return [*known, _Lane(sorted(kinds), among=False)]


class JobRunner:
    """Runs jobs by kind. `cancelled` are the handlers that tidy up after a cancelled job."""

    def __init__(
        self,
        db: Database,
        ownership: Ownership,
        handlers: Mapping[str, Handler],
        clock: Clock,
        cancelled: Mapping[str, Handler] | None = None,
    ) -> None:
        self._db = db
        self._ownership = ownership
        self._handlers = handlers
        self._cancelled = cancelled or {}
        self._clock = clock
        self._lanes = _lanes(handlers)
        self._next_step: float | None = None  # on the monotonic clock: when the soonest step of a long work is due
        self._running: dict[int, tuple[Job, asyncio.Task[None]]] = {}
        self._frozen: set[int] = set()
        self._returning: frozenset[int] = frozenset()  # slots whose interrupted jobs are being handed back
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
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def gained(self, slots: frozenset[int]) -> None:
        """Look into new slots."""
        self._frozen -= slots
        self.ring()

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Start nothing more in these; returns those with a job running, or on its way back."""
        self._frozen |= slots
        return (self._returning | {job.slot for job, _ in self._running.values()}) & slots

    async def settle(self, slots: frozenset[int]) -> None:
        """Jobs are interrupted and handed back: the next owner resumes from their progress."""
        entries = [entry for entry in self._running.values() if entry[0].slot in slots]
        returning = frozenset(job.slot for job, _ in entries)
        self._returning |= returning
        try:
            await self._hand_back(entries)
        finally:
            self._returning -= returning

    async def _hand_back(self, entries: list[tuple[Job, asyncio.Task[None]]]) -> None:
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

    def _pause(self) -> float:
        """Seconds until the next look."""
        if self._next_step is None:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.0, self._next_step - self._clock.monotonic()))

    async def _start_due(self) -> None:
        if self._next_step is not None and self._next_step <= self._clock.monotonic():
            self._next_step = None
        held = {slot: epoch for slot, epoch in self._ownership.held.items() if slot not in self._frozen}
        if not held:
            return
        async with self._db.worker_tx() as conn:
            await schedules.fire_due(conn, held=held)
        for lane in self._lanes:
            await self._start_lane(lane, held)

    async def _start_lane(self, lane: _Lane, held: dict[int, int]) -> None:
        free = PLACES - len(lane.running)
        if free <= 0:
            return
        async with self._db.worker_tx() as conn:
            claimed = await jobs.claim(
                conn,
                held=held,
                limit=free,
                running=lane.running,
                kinds=lane.kinds,
                among=lane.among,
                per_tenant=PER_TENANT,
            )
        if claimed:
            crash_point("job-claimed")
        for job in claimed:
            log.debug("job.started", job=job.id, kind=job.kind, attempt=job.attempts)
            JOBS.labels(job.kind).inc()
            lane.running.add(job.id)
            task = self._tasks.short(job.kind, self._run(job))
            self._running[job.id] = (job, task)
            # Not in a `finally` of the task: one that is cancelled before its first step never gets there.
            task.add_done_callback(partial(self._ended, lane, job.id))

    def _ended(self, lane: _Lane, job_id: int, _: asyncio.Task[None]) -> None:
        lane.running.discard(job_id)
        self._running.pop(job_id, None)
        self.ring()

    async def _run(self, job: Job) -> None:
        try:
            step_in = await jobs.run(self._db, job, self._handlers, self._cancelled)
            if step_in is not None:
                due = self._clock.monotonic() + step_in
                self._next_step = due if self._next_step is None else min(due, self._next_step)
        except LostOwnership:
            log.info("job.lost", job=job.id)
        except Unavailable as error:
            log.warning("job.postponed", job=job.id, reason=error.detail)
