"""Who may run a turn: fairness between tenants, and what a row that kills its worker costs its neighbours."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.inbox.service import MAX_TURN_ATTEMPTS
from shards.rooms import Quarantine, TurnRoom

ANN, BOB = uuid4(), uuid4()


class Guests:
    """Tasks that want a place, stay until told, and leave."""

    def __init__(self) -> None:
        self.inside: list[object] = []
        self._doors: dict[object, asyncio.Event] = {}
        self.tasks: dict[object, asyncio.Task[None]] = {}

    async def come(self, name: object, place: AbstractAsyncContextManager[None]) -> None:
        self._doors[name] = asyncio.Event()

        async def stay() -> None:
            async with place:
                self.inside.append(name)
                try:
                    await self._doors[name].wait()
                finally:
                    self.inside.remove(name)

        self.tasks[name] = asyncio.create_task(stay())
        await settle()

    async def go(self, *names: object) -> None:
        for name in names:
            self._doors[name].set()
        await settle()

    async def give_up(self, name: object) -> None:
        self.tasks[name].cancel()
        await settle()

    async def all_gone(self) -> None:
        for door in self._doors.values():
            door.set()
        await asyncio.wait(self.tasks.values())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_flooded_tenant_leaves_room_and_the_other_comes_first() -> None:
    room, guests = TurnRoom(4, 3), Guests()
    for number in range(6):
        await guests.come(("ann", number), room.place(ANN))
    assert guests.inside == [("ann", 0), ("ann", 1), ("ann", 2)]
    await guests.come("bob 1", room.place(BOB))
    await guests.come("bob 2", room.place(BOB))
    assert guests.inside[3:] == ["bob 1"]
    await guests.go(("ann", 0))
    assert guests.inside[3:] == ["bob 2"]  # though Ann's fourth came long before
    await guests.go("bob 1")
    assert guests.inside[3:] == [("ann", 3)]
    await guests.all_gone()
    assert guests.inside == []


async def test_whoever_gives_up_waiting_loses_no_place() -> None:
    room, guests = TurnRoom(1, 1), Guests()
    await guests.come(1, room.place(ANN))
    await guests.come(2, room.place(BOB))
    await guests.come(3, room.place(ANN))
    await guests.give_up(2)
    await guests.go(1)
    assert guests.inside == [3]
    await guests.come(4, room.place(BOB))
    guests.tasks[4].cancel()
    await guests.go(3)
    await guests.come(5, room.place(ANN))
    assert guests.inside == [5]
    await guests.all_gone()


async def test_suspects_go_some_together_and_the_last_attempts_alone() -> None:
    quarantine, guests = Quarantine(2), Guests()
    for name in ("a", "b", "c"):
        await guests.come(name, quarantine.place(alone=False))
    await guests.come("last 1", quarantine.place(alone=True))
    await guests.come("last 2", quarantine.place(alone=True))
    assert guests.inside == ["a", "b"]
    await guests.go("a", "b")
    assert guests.inside == ["c"]
    await guests.go("c")
    assert guests.inside == ["last 1"]
    await guests.come("d", quarantine.place(alone=False))
    assert guests.inside == ["last 1"]
    await guests.give_up("last 2")
    await guests.go("last 1")
    assert guests.inside == ["d"]
    await guests.all_gone()


@given(killers=st.sets(st.integers(0, 30), max_size=3), order=st.permutations(range(31)))
def test_no_neighbour_dies_with_rows_that_kill_their_worker(killers: set[int], order: list[int]) -> None:
    """Worker after worker dies of the same rows, until these are dead letters and everything else is answered."""
    attempts = dict.fromkeys(order, 1)  # all were running at the first death
    done: set[int] = set()
    dead: set[int] = set()
    for _ in range(3 * len(killers) + 1):
        asyncio.run(_one_life([row for row in order if row not in done | dead], attempts, killers, done, dead))
    assert dead == killers
    assert done == set(order) - killers


async def _one_life(
    rows: Iterable[int], attempts: dict[int, int], killers: set[int], done: set[int], dead: set[int]
) -> None:
    quarantine, death = Quarantine(4), asyncio.Event()

    async def turn(row: int) -> None:
        async with quarantine.place(alone=attempts[row] >= MAX_TURN_ATTEMPTS - 1):
            if death.is_set():
                return
            attempts[row] += 1  # committed before the work
            if attempts[row] > MAX_TURN_ATTEMPTS:
                dead.add(row)
                return
            await asyncio.sleep(0)
            if row in killers:
                death.set()
            await asyncio.sleep(0)
            if not death.is_set():
                done.add(row)

    tasks = [asyncio.create_task(turn(row)) for row in rows]
    if tasks:
        await asyncio.wait(tasks)
