"""What the slot table says of each shard, and how many there should be."""

import pytest

from domain.fleet import Shard
from domain.fleet import service as fleet
from domain.kit.db import Conn, Database
from domain.kit.errors import Invalid


async def _join(conn: Conn, name: str, *, renewed: str, expires: str, draining: bool = False) -> None:
    await conn.execute(
        "INSERT INTO shard_members (id, program, host, pid, renewed_at, expires_at, draining, loop_lag_ms) "
        "VALUES ($1, $1, 'here', 7, clock_timestamp() - $2::text::interval, "
        "clock_timestamp() + $3::text::interval, $4, 12.34)",
        name,
        renewed,
        expires,
        draining,
    )


async def test_each_shard_is_in_the_state_it_is_in(db: Database) -> None:
    async with db.worker_tx() as conn:
        await _join(conn, "a", renewed="1 s", expires="9 s")
        await _join(conn, "b", renewed="1 s", expires="9 s", draining=True)
        await _join(conn, "c", renewed="7 s", expires="3 s", draining=True)
        await _join(conn, "d", renewed="11 s", expires="-1 s")
        await conn.execute("UPDATE slot_owners SET member_id = 'a', epoch = 4 WHERE slot < 10")
        await conn.execute("UPDATE slot_owners SET member_id = 'd', epoch = 9 WHERE slot BETWEEN 10 AND 29")
        found = await fleet.look(conn)
    assert [(shard.id, shard.state) for shard in found.shards] == [
        ("a", "live"),
        ("b", "draining"),
        ("c", "stalled"),
        ("d", "dead"),
    ]
    first: Shard = found.shards[0]
    assert (first.slots, first.max_epoch, first.lag, first.loop_delay) == (10, 4, 0.0, 12.3)
    assert found.free == 1014  # what the dead held is nobody's
    assert [shard.id for shard in found.on("here")] == ["a"]


async def test_a_host_has_its_own_wish_or_the_one_for_all(db: Database) -> None:
    async def wished(host: str) -> int:
        return await fleet.wished(conn, host=host, default=2)

    async with db.worker_tx() as conn:
        assert await wished("one") == 2
        await fleet.scale(conn, 8)
        await fleet.scale(conn, 3, host="two")
        assert (await wished("one"), await wished("two")) == (8, 3)
        await fleet.scale(conn, 4)  # for all: whoever was an exception is none any more
        assert (await wished("one"), await wished("two")) == (4, 4)
        for number in (0, 65):
            with pytest.raises(Invalid, match="1 to 64"):
                await fleet.scale(conn, number)
