"""Slots gained and lost: what rendezvous says, carried out without making anybody wait.

A slot is ours from the transaction that takes it (its epoch goes up) to the one that releases it. In between it is
opened (its users pick up what lies there) and, when another member should have it, handed over. Openings and handovers
run beside the loop that decides: a send that takes ten seconds holds back its own slot and no other.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Literal, Protocol

from domain.bus import MembersChanged, Publisher, members_channel
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.log import logger
from domain.kit.tasks import Tasks
from shards import queries
from shards.lease import TTL, Lease, LeaseLost
from shards.rendezvous import Sightings, desired_slots

log = logger(__name__)

LOOK_EVERY = 1.0  # seconds between looks at members and slots, should every doorbell be lost
LOOK_SOON = 0.1  # seconds, while slots that should be ours are not
ANSWER_WITHIN = 5.0  # seconds for a look; a connection without an answer must not stop us from looking
POLL_EVERY = 0.025  # seconds between looks at what is still in flight in slots that leave


class SlotUser(Protocol):
    """What works in slots and can let go of them."""

    async def gained(self, slots: frozenset[int]) -> None:
        """These are ours now; pick up what lies there. Never called twice at once; again after Unavailable."""
        ...

    def freeze(self, slots: frozenset[int]) -> frozenset[int]:
        """Begin nothing new in these; returns those with work in flight. Asked again and again while they settle."""
        ...

    async def settle(self, slots: frozenset[int]) -> None:
        """Finish or give back what is in flight in these."""
        ...

    def forget(self, slots: frozenset[int]) -> None:
        """These are not ours any more."""
        ...


class Ownership:
    """The slots this process holds, and the right to say so."""

    def __init__(self, db: Database, publisher: Publisher, clock: Clock, lease: Lease) -> None:
        self._db = db
        self._publisher = publisher
        self._clock = clock
        self.lease = lease
        self.held: dict[int, int] = {}
        self._opening: set[int] = set()
        self._leaving: set[int] = set()
        self._sightings = Sightings(TTL)
        self._short = False  # whether slots that should be ours are not
        self._wake = asyncio.Event()
        self._users: list[SlotUser] = []
        self._tasks = Tasks("ownership")
        self._one_opening = asyncio.Lock()
        self._fault: Exception | None = None

    @property
    def member_id(self) -> str:
        """Who we are among the members; another one after each start."""
        return self.lease.member_id

    def add_user(self, user: SlotUser) -> None:
        """`user` is told of slots gained and lost, in the order of adding."""
        self._users.append(user)

    def epoch(self, slot: int) -> int:
        """The epoch under which we may act in a slot now. Raises LostOwnership."""
        if not self.lease.valid:
            raise LostOwnership("the lease is over")
        epoch = self.held.get(slot)
        if epoch is None:
            raise LostOwnership(f"slot {slot} is not ours")
        return epoch

    def owns(self, slot: int) -> bool:
        """Whether we may act in a slot now."""
        return slot in self.held and self.lease.valid

    def look(self) -> None:
        """Look at members and slots soon: somebody rang."""
        self._wake.set()

    async def join(self) -> None:
        """Become a member. Raises Unavailable."""
        await self.lease.join()
        await self._announce("joined")

    async def run(self) -> None:
        """Eternal: own what rendezvous says, give up what it does not. Raises LeaseLost, and what a user raised."""
        while True:
            self._wake.clear()
            if self._fault is not None:
                raise self._fault
            if not self.lease.draining:
                await self._look()
            try:
                async with asyncio.timeout(LOOK_SOON if self._short else LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def drain(self) -> None:
        """Hand everything over and leave: the phases of a planned handoff. Raises Unavailable, LeaseLost."""
        self.lease.draining = True
        await self.lease.renew()
        await self._announce("left")
        await self._tasks.stop()  # what is being opened or handed over goes with the rest
        await self.hand_over(frozenset(self.held))
        await self.lease.leave()
        await self._announce("left")

    async def hand_over(self, slots: frozenset[int]) -> None:
        """Release idle slots at once, each busy one as soon as nothing is in flight in it."""
        busy = self._freeze(slots)
        await self._release(slots - busy)
        if not busy:
            return
        settling = self._tasks.short("settle", _all(user.settle(busy) for user in self._users))
        try:
            while busy:
                done, _ = await asyncio.wait([settling], timeout=POLL_EVERY)
                still = frozenset() if done else self._freeze(busy)
                await self._release(busy - still)
                busy = still
        finally:
            settling.cancel()

    async def stop(self) -> None:
        """Cancel openings and handovers; drop the lease's connection."""
        await self._tasks.stop()
        self.lease.close()

    def _freeze(self, slots: frozenset[int]) -> frozenset[int]:
        busy: frozenset[int] = frozenset()
        for user in self._users:
            busy |= user.freeze(slots)
        return busy

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._reconcile()
        except Unavailable as error:
            log.warning("ownership.database_away", error=error.detail)
        except TimeoutError:
            log.warning("ownership.database_away", error=f"no answer in {ANSWER_WITHIN} s")

    async def _reconcile(self) -> None:
        members = await self._members()
        if self.member_id not in {member.id for member in members}:
            raise LeaseLost("the lease ran out")
        names = {member.name for member in members if not member.draining}
        desired = desired_slots(self.lease.name, names)
        if surplus := frozenset(self.held) - desired - self._leaving - self._opening:
            self._start("hand-over", self._leave(surplus))
        missing = desired - frozenset(self.held)
        taken = await self._acquire(sorted(missing)) if missing else 0
        self._short = taken < len(missing)

    async def _members(self) -> list[queries.Member]:
        async with self._db.worker_tx() as conn:
            members = await queries.fetch_live(conn)
            unchanged = self._sightings.unchanged(members, self._clock.monotonic())
            await queries.bury_unchanged(conn, unchanged)
            strays = self._compare(await queries.fetch_owned(conn, member_id=self.member_id))
            if strays:
                await queries.release(conn, member_id=self.member_id, epochs=strays)
        return [member for member in members if member not in unchanged]

    def _compare(self, owned: dict[int, int]) -> dict[int, int]:
        """What is `owned` by the database and not held: a taking or a release whose confirmation was lost, or a release
        under way. Raises LeaseLost when it is the other way round; only the loop that looks adds to `held`."""
        if taken := [slot for slot, epoch in self.held.items() if owned.get(slot) != epoch]:
            raise LeaseLost(f"{len(taken)} slots were taken from us")
        return {slot: epoch for slot, epoch in owned.items() if slot not in self.held}

    async def _acquire(self, slots: list[int]) -> int:
        async with self._db.worker_tx() as conn:
            taken = await queries.acquire(conn, member_id=self.member_id, slots=slots)
        if not taken or self.lease.draining:
            return 0  # what came while a drain began is freed as we leave
        self.held.update(taken)
        log.info("ownership.gained", slots=len(taken), held=len(self.held))
        self._opening |= taken.keys()
        self._start("open", self._open(frozenset(taken)))
        return len(taken)

    async def _open(self, slots: frozenset[int]) -> None:
        """Tell the users; all of them again when the database went away in the middle."""
        try:
            async with self._one_opening:
                while not await self._told(slots):
                    await self._clock.sleep(LOOK_EVERY)
        finally:
            self._opening -= slots
            self.look()

    async def _told(self, slots: frozenset[int]) -> bool:
        try:
            for user in self._users:
                await user.gained(slots)
        except (Unavailable, LostOwnership) as error:
            log.warning("ownership.opening_postponed", error=error.detail)
            return False
        return True

    async def _leave(self, slots: frozenset[int]) -> None:
        self._leaving |= slots
        try:
            await self.hand_over(slots)
        finally:
            self._leaving -= slots
            self.look()

    async def _release(self, slots: frozenset[int]) -> None:
        if not slots:
            return
        epochs = {slot: self.held.pop(slot) for slot in sorted(slots) if slot in self.held}
        for user in self._users:
            user.forget(slots)
        try:
            async with self._db.worker_tx() as conn:
                await queries.release(conn, member_id=self.member_id, epochs=epochs)
        except Unavailable as error:  # the next look that reaches the database finds them, and frees them again
            log.warning("ownership.release_unconfirmed", slots=len(slots), error=error.detail)
            return
        log.info("ownership.released", slots=len(slots), held=len(self.held))
        await self._announce("slots")

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.short(name, self._guarded(work))

    async def _guarded(self, work: Awaitable[None]) -> None:
        """A slot that could not be opened or handed over would be nobody's: the process ends, and starts clean."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  # raised again by `run`
            self._fault = error
            self._wake.set()

    async def _announce(self, change: Literal["joined", "left", "slots"]) -> None:
        await self._publisher.publish([(members_channel(), MembersChanged(self.member_id, change))])


async def _all(work: Iterable[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for item in work:
            group.create_task(_run(item))


async def _run(item: Awaitable[None]) -> None:
    await item
