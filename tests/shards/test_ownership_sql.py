"""The SQL of ownership under every order of events that hypothesis can think of, with clocks that jump.

The model keeps what each member may believe: the slots and epochs it was given, and until when, by its own clock. The
database's clock is the rows: to let time pass, the leases are moved back.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.kit.db import init_connection
from domain.kit.fencing import lost_slots
from shards import queries
from shards.lease import TTL

SLOTS = [3, 4, 5, 6]
SHIFT = "UPDATE shard_members SET expires_at = expires_at - make_interval(secs => $1)"


@dataclass
class Believer:
    """What one process knows of itself."""

    name: str
    until: float  # of its lease, in the seconds of the model
    held: dict[int, int] = field(default_factory=dict)


class Deployment(RuleBasedStateMachine):
    """Members that join, renew, sleep, take, release, die and come back; `dsn` is set by the test."""

    dsn = ""
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.conn = self.do(asyncpg.connect(self.dsn))
        self.do(init_connection(self.conn))
        self.now = 0.0
        self.joined = 0
        self.members: dict[str, Believer] = {}
        self.gone: set[str] = set()
        self.highest: dict[int, int] = {}

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.do(self.conn.close())

    @initialize()
    def empty(self) -> None:
        self.do(self.conn.execute("DELETE FROM shard_members; UPDATE slot_owners SET member_id = NULL, epoch = 0"))

    @rule(program=st.sampled_from(["shard-00", "shard-01"]))
    def join(self, program: str) -> None:
        """Also with the name of another that lives: two containers of one host name."""
        name = f"m{self.joined}"
        self.joined += 1
        self.do(self.conn.execute(queries.JOIN, name, program, "host", 1, TTL))
        self.members[name] = Believer(name, self.now + TTL)

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(sorted(self.members)))
        renewed = self.do(self.conn.fetchval(queries.RENEW, member, TTL, False, 0.0, {}))
        assert (renewed is not None) == self._lives(member)
        if renewed is not None:
            self.members[member].until = self.now + TTL
        else:
            del self.members[member]

    @rule(seconds=st.sampled_from([1.0, 4.0, TTL + 1]))
    def pass_time(self, seconds: float) -> None:
        self.do(self.conn.execute(SHIFT, seconds))
        self.now += seconds

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def acquire(self, data: st.DataObject) -> None:
        """A sleeper, whose lease is over, tries as well."""
        member = data.draw(st.sampled_from(sorted(self.members)))
        wanted = data.draw(st.lists(st.sampled_from(SLOTS), min_size=1, unique=True))
        lived = self._lives(member)
        taken: dict[int, int] = self.do(self._acquire(member, wanted))
        assert lived or not taken
        for slot, epoch in taken.items():
            assert epoch > self.highest.get(slot, 0)
            self.highest[slot] = epoch
        self.members[member].held |= taken
        self.gone |= {name for name in self.members if not self._lives(name)}

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        member = self.members[data.draw(st.sampled_from(sorted(self.members)))]
        slots = data.draw(st.lists(st.sampled_from(SLOTS), unique=True))
        epochs = {slot: member.held.pop(slot) for slot in slots if slot in member.held}
        self.do(queries.release(self.conn, member_id=member.name, epochs=epochs))

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(sorted(self.members)))
        del self.members[member]
        self.do(self.conn.execute(queries.LEAVE, member))

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def declare_dead(self, data: st.DataObject) -> None:
        """The shard-supervisor saw its process end."""
        member = data.draw(st.sampled_from(sorted(self.members)))
        self.do(
            self.conn.execute(
                "UPDATE shard_members SET expires_at = clock_timestamp() - '1 s'::interval WHERE id = $1", member
            )
        )
        self.members[member].until = self.now

    @invariant()
    def one_may_write(self) -> None:
        """Of all who believe to hold a slot at most one may commit: the living one, if there is one."""
        for slot in SLOTS:
            believers = [member for member in self.members.values() if slot in member.held]
            able = [m for m in believers if slot not in self.do(lost_slots(self.conn, {slot: m.held[slot]}))]
            assert len(able) <= 1
            epochs = [member.held[slot] for member in believers]
            assert len(epochs) == len(set(epochs))
            living = [member for member in believers if self._lives(member.name)]
            assert len(living) <= 1
            if living:
                assert able == living

    @invariant()
    def the_buried_stay_so(self) -> None:
        for name in self.gone & self.members.keys():
            assert self.do(self.conn.fetchval(queries.RENEW, name, TTL, False, 0.0, {})) is None

    def _lives(self, name: str) -> bool:
        return self.members[name].until > self.now

    async def _acquire(self, member: str, slots: list[int]) -> dict[int, int]:
        async with self.conn.transaction():
            return await queries.acquire(self.conn, member_id=member, slots=slots)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that the machine's plain rules can run a statement on."""
    found = asyncio.new_event_loop()
    yield found
    found.close()


def test_never_two_owners_under_one_epoch(database_url: str, loop: asyncio.AbstractEventLoop) -> None:
    machine = type("OnThisDatabase", (Deployment,), {"dsn": database_url, "loop": loop})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
