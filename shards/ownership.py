"""Membership and slots: one lease per shard, one epoch per slot.

The lease is renewed every TTL/5 with the database's clock. Locally a slot may be used until `deadline` (monotonic, from
before the renewal was sent, minus a margin), so a process that was stopped for a while wakes up harmless. A renewal
that changes no row, or a deadline that passed, ends the process: supervisord starts a clean one.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from domain.bus import MembersChanged, Publisher, members_channel
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.ids import uuid7
from domain.kit.log import logger
from shards import queries
from shards.rendezvous import desired_slots

log = logger(__name__)

TTL = 10.0  # seconds
MARGIN = 2.0  # seconds before the lease ends, by our clock, when its use ends
RENEW_EVERY = TTL / 5
LOOK_EVERY = 1.0  # seconds between looks at members and slots, should every doorbell be lost


class LeaseLost(RuntimeError):
    """The lease ran out: nothing this process holds is its own any more."""


class SlotUser(Protocol):
    """What works in slots and can let go of them."""

    async def gained(self, slots: frozenset[int]) -> None:
        """These are ours now; pick up what lies there."""
        ...

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Begin nothing new in these; returns those with work in flight."""
        ...

    async def settle(self, slots: frozenset[int]) -> None:
        """Finish or give back what is in flight in these."""
        ...

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        ...


class Ownership:
    """The slots this process holds, and the right to say so."""

    def __init__(self, db: Database, publisher: Publisher, clock: Clock, *, program: str) -> None:
        self._db = db
        self._publisher = publisher
        self._clock = clock
        self._host = socket.gethostname()
        self._program = program
        self.member_id = f"{self._host}:{program}:{uuid7().hex}"
        self.held: dict[int, int] = {}
        self._new: set[int] = set()
        self._deadline = 0.0
        self._draining = False
        self._doubtful = False  # whether the database may hold slots as ours that we do not hold
        self._wake = asyncio.Event()
        self._users: list[SlotUser] = []
        self._lag = 0.0
        self.stats: Callable[[], dict[str, Any]] = dict

    def add_user(self, user: SlotUser) -> None:
        """`user` is told of slots gained and lost, in the order of adding."""
        self._users.append(user)

    def epoch(self, slot: int) -> int:
        """The epoch under which we may act in a slot now. Raises LostOwnership."""
        if self._clock.monotonic() >= self._deadline:
            raise LostOwnership("the lease is over")
        epoch = self.held.get(slot)
        if epoch is None:
            raise LostOwnership(f"slot {slot} is not ours")
        return epoch

    def owns(self, slot: int) -> bool:
        """Whether we may act in a slot now."""
        return slot in self.held and self._clock.monotonic() < self._deadline

    def look(self) -> None:
        """Look at members and slots soon: somebody rang."""
        self._wake.set()

    async def join(self) -> None:
        """Become a member. Raises Unavailable."""
        before = self._clock.monotonic()
        async with self._db.worker_tx() as conn:
            await conn.execute(queries.JOIN, self.member_id, self._program, self._host, os.getpid(), TTL)
        self._deadline = before + TTL - MARGIN
        await self._announce("joined")

    async def run_renewals(self) -> None:
        """Eternal: keep the lease. Raises LeaseLost."""
        while True:
            due = self._clock.monotonic() + RENEW_EVERY
            await self._clock.sleep(RENEW_EVERY)
            self._lag = max(0.0, self._clock.monotonic() - due)
            await self._renew()

    async def run_reconciliation(self) -> None:
        """Eternal: own what rendezvous says, give up what it does not."""
        while True:
            self._wake.clear()
            if not self._draining:
                try:
                    await self._reconcile()
                except Unavailable as error:
                    log.warning("ownership.database_away", error=error.detail)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def drain(self) -> None:
        """Hand everything over and leave: the phases of a planned handoff."""
        self._draining = True
        await self._renew()
        await self._announce("left")
        await self.hand_over(frozenset(self.held))
        async with self._db.worker_tx() as conn:
            await conn.execute(queries.LEAVE, self.member_id)
        await self._announce("left")

    async def hand_over(self, slots: frozenset[int]) -> None:
        """Release idle slots at once, busy ones as soon as their work is settled."""
        busy: frozenset[int] = frozenset()
        for user in self._users:
            busy |= user.freeze(slots)
        await self._release(slots - busy)
        if busy:
            await _all(user.settle(busy) for user in self._users)
            await self._release(busy)

    async def _renew(self) -> None:
        before = self._clock.monotonic()
        try:
            async with self._db.worker_tx() as conn:
                renewed = await conn.fetchval(
                    queries.RENEW, self.member_id, TTL, self._draining, self._lag * 1000, self.stats()
                )
        except Unavailable as error:
            log.warning("ownership.renewal_failed", error=error.detail)
            if self._clock.monotonic() >= self._deadline:
                raise LeaseLost("the lease could not be renewed in time") from error
            return
        if renewed is None:
            self._deadline = 0.0
            raise LeaseLost("the lease ran out")
        if self._clock.monotonic() >= self._deadline:
            # Whoever looked in the meantime was told that nothing is ours, and dropped its work for the next owner.
            self._deadline = 0.0
            raise LeaseLost("the lease was renewed too late")
        self._deadline = before + TTL - MARGIN

    async def _reconcile(self) -> None:
        async with self._db.worker_tx() as conn:
            members = await queries.fetch_live(conn)
            if self._doubtful:
                await conn.execute(queries.RELEASE_STRAYS, self.member_id, sorted(self.held))
        self._doubtful = False
        if self._new:
            await self._tell_users()
        names = {member.name for member in members if not member.draining}
        desired = desired_slots(f"{self._host}:{self._program}", names)
        if surplus := frozenset(self.held) - desired:
            await self.hand_over(surplus)
        if missing := desired - frozenset(self.held):
            await self._acquire(sorted(missing))

    async def _acquire(self, slots: list[int]) -> None:
        try:
            async with self._db.worker_tx() as conn:
                taken = await queries.acquire(conn, member_id=self.member_id, slots=slots)
        except Unavailable:
            self._doubtful = True
            raise
        if not taken or self._draining:
            return  # what came while a drain began is freed as we leave
        self.held.update(taken)
        self._new |= taken.keys()
        log.info("ownership.gained", slots=len(taken), held=len(self.held))
        await self._tell_users()

    async def _tell_users(self) -> None:
        """Tell of new slots; what a failing database interrupts is told again at the next look."""
        for user in self._users:
            await user.gained(frozenset(self._new))
        self._new.clear()

    async def _release(self, slots: frozenset[int]) -> None:
        if not slots:
            return
        self._new -= slots
        for slot in slots:
            self.held.pop(slot, None)
        for user in self._users:
            user.forget(slots)
        try:
            async with self._db.worker_tx() as conn:
                await conn.execute(queries.RELEASE, self.member_id, sorted(slots))
        except Unavailable:
            self._doubtful = True
            raise
        log.info("ownership.released", slots=len(slots), held=len(self.held))
        await self._announce("slots")

    async def _announce(self, change: Any) -> None:
        await self._publisher.publish([(members_channel(), MembersChanged(self.member_id, change))])


async def _all(work: Iterable[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for item in work:
            group.create_task(_run(item))


async def _run(item: Awaitable[None]) -> None:
    await item
