"""A bot's sends: who goes first, what a 429 teaches, what is kept in memory."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from shards.lanes import HELD, HELD_BULK
from tests.shards.lane import Bench, row
from tests.shards.test_windows import _worst


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A lane of a bot with 30 a second."""
    found = Bench()
    yield found
    await found.stop()


async def test_a_broadcast_reaches_its_rate_and_never_more(bench: Bench) -> None:
    for start in range(0, 900, 90):
        bench.lane.add(row(number, 1 + number, bulk=True) for number in range(start, start + 90))
        await bench.run(3.0)
    times = [at for _, at in bench.sent]
    assert _worst(times, 1.0) <= 30
    assert len(times) >= 0.97 * 30 * 29


async def test_a_process_that_stands_still_around_its_writes_exceeds_nothing(bench: Bench) -> None:
    random = Random(7)
    bench.pause = lambda: random.choice([0.0, 0.0, 0.0, 0.02, 0.3])
    for start in range(0, 270, 90):
        bench.lane.add(row(number, 1 + number % 40) for number in range(start, start + 90))
        await bench.run(3.0)
    times = [at for _, at in bench.sent]
    assert len(times) > 100
    assert _worst(times, 1.0) <= 30


async def test_a_slow_database_does_not_slow_a_broadcast(bench: Bench) -> None:
    bench.mark = 0.09
    for start in range(0, 900, 90):
        bench.lane.add(row(number, 1 + number, bulk=True) for number in range(start, start + 90))
        await bench.run(3.0)
    times = [at for _, at in bench.sent]
    assert _worst(times, 1.0) <= 30
    assert len(times) >= 0.97 * 30 * 29


async def test_two_flooded_groups_do_not_silence_private_chats(bench: Bench) -> None:
    bench.flood = lambda given: 37.0 if given.chat_id < 0 and bench.clock.time < 1037 else None
    bench.latency = lambda _: 0.1
    bench.lane.add([row(1, -100)])
    await bench.run(0.05)
    bench.lane.add([row(2, -200), row(3, -300), *(row(10 + number, 1 + number) for number in range(5))])
    await bench.run(0.3)
    assert bench.ids()[:2] in ([1, 2], [1, 10])  # a group may have been on its way
    await bench.run(1.0)
    assert set(range(10, 15)) <= set(bench.ids())
    assert bench.lane.figures()["held_for"] == 0


async def test_a_refused_probe_of_a_group_leaves_private_chats_a_probe(bench: Bench) -> None:
    bench.flood = lambda given: 37.0 if given.chat_id in {-100, -200} and bench.clock.time < 1037 else None
    bench.lane.add([row(1, -100), row(2, -200), row(3, -300)])
    await bench.run(1.0)
    assert bench.ids() == [1, 2]  # the third is a group too
    bench.lane.add([row(10, 1)])
    await bench.run(0.2)
    assert bench.ids() == [1, 2, 10, 3]  # the bot may go on, so the third may
    assert bench.lane.figures()["chats_held"] == 2


async def test_a_reply_does_not_wait_for_the_broadcast(bench: Bench) -> None:
    bench.lane.add(row(number, 1 + number, bulk=True) for number in range(90))
    await bench.run(1.5)
    asked = bench.clock.time
    bench.lane.offer(row(1000, 5000))
    await bench.run(0.2)
    assert dict(bench.sent)[1000] - asked <= 0.05


async def test_a_reply_is_taken_at_once_however_much_of_a_broadcast_waits_in_postgres(bench: Bench) -> None:
    bench.lane.add(row(number, 1 + number, bulk=True) for number in range(HELD_BULK))
    bench.lane.note_rest(bulk=True, more=True)
    bench.lane.offer(row(1000, 5000))
    bench.lane.offer(row(1001, 5001, bulk=True))
    await bench.run(0.2)
    assert 1000 in bench.ids()
    assert 1001 not in bench.lane.known


async def test_replies_leave_room_for_more_of_them(bench: Bench) -> None:
    bench.lane.add(row(number, 1 + number, bulk=True) for number in range(90))
    for number in range(20):
        bench.lane.offer(row(1000 + number, 5000 + number))
        await bench.run(0.1)
    asked = bench.clock.time
    for number in range(8):
        bench.lane.offer(row(2000 + number, 6000 + number))
    await bench.run(0.1)
    assert max(at for number, at in bench.sent if number >= 2000) - asked <= 0.1
    assert len(bench.sent) >= 45
    assert _worst([at for _, at in bench.sent], 1.0) <= 30


async def test_chats_take_turns_and_each_keeps_its_order(bench: Bench) -> None:
    bench.lane.add([*(row(number, 1) for number in range(6)), row(10, 2), row(11, 3)])
    await bench.run(0.5)
    assert set(bench.ids()) == {0, 1, 2, 10, 11}  # three of the first chat at once, then one a second
    await bench.run(4.0)
    assert [number for number in bench.ids() if number < 10] == [0, 1, 2, 3, 4, 5]


async def test_an_older_row_goes_before_a_newer_one_of_its_chat(bench: Bench) -> None:
    bench.lane.hold(1, 0.5)
    bench.lane.add([row(8, 1)])
    bench.lane.add([row(7, 1), row(8, 1)])
    await bench.run(1.0)
    assert bench.ids() == [7, 8]


async def test_a_flooded_group_silences_the_others_for_one_probe_only(bench: Bench) -> None:
    bench.flood = lambda given: 37.0 if given.chat_id < 0 and bench.clock.time < 1037 else None
    bench.latency = lambda _: 0.1
    bench.lane.add([row(1, -100)])
    await bench.run(0.2)
    bench.lane.add(row(10 + number, 1 + number) for number in range(10))
    await bench.run(0.05)
    assert bench.ids() == [1, 10]  # the probe
    await bench.run(0.3)
    assert len(bench.sent) == 11
    await bench.run(35)
    assert bench.ids().count(1) == 1
    await bench.run(2)
    assert bench.ids().count(1) == 2
    assert bench.sent[-1][1] >= 1037.1


async def test_a_bot_that_is_flooded_as_a_whole_is_held_after_one_probe(bench: Bench) -> None:
    bench.flood = lambda _: 5.0 if bench.clock.time < 1005 else None
    bench.lane.add(row(number, 1 + number) for number in range(20))
    await bench.run(4.9)
    first = len(bench.sent)
    await bench.run(10)
    between = [at for _, at in bench.sent[first : first + 2]]
    assert bench.lane.figures()["floods_total"] <= 21
    assert between[0] >= 1005.0
    assert sorted(set(bench.ids())) == list(range(20))


async def test_after_a_429_what_was_started_is_put_back(bench: Bench) -> None:
    """One after the other from the first 429 on: two 429s at most, however many waited."""
    bench.flood = lambda _: 3.0 if bench.clock.time < 1002 else None
    bench.lane.add([row(0, 1)])
    await bench.run(0.05)
    bench.lane.add(row(number, 1 + number) for number in range(1, 20))
    await bench.run(2.5)
    assert bench.lane.figures()["floods_total"] == 2
    assert bench.lane.figures()["held_for"] > 0
    await bench.run(3)
    assert sorted(set(bench.ids())) == list(range(20))


async def test_a_new_owner_of_a_held_chat_begins_with_a_probe(bench: Bench) -> None:
    bench.latency = lambda _: 0.1
    bench.lane.add([row(1, -100, wait=10.0), *(row(10 + number, 1 + number) for number in range(10))])
    await bench.run(0.05)
    assert bench.ids() == [10]
    await bench.run(0.5)
    assert len(bench.sent) == 10


async def test_a_paused_bot_keeps_nothing_in_memory(bench: Bench) -> None:
    bench.rate = 1
    bench.lane.add(row(number, 1 + number) for number in range(20))
    await bench.run(0.1)
    bench.rate = None
    await bench.settle()
    assert (bench.lane.paused, bench.lane.waiting, list(bench.lane.known)) == (True, 0, [])
    bench.lane.add([row(50, 1)])
    assert bench.lane.waiting == 0


async def test_what_does_not_fit_stays_in_postgres_and_is_not_overtaken(bench: Bench) -> None:
    bench.lane.hold(1, 60.0)
    for number in range(HELD + 5):
        bench.lane.offer(row(number, 1))
    assert bench.lane.waiting == HELD
    assert not bench.lane.room(bulk=False)
    bench.lane.drop_chat(1)
    bench.lane.offer(row(HELD + 6, 1))
    assert bench.lane.waiting == 0  # older rows are still to be read
    bench.lane.note_rest(bulk=False, more=False)
    bench.lane.offer(row(HELD + 7, 1))
    assert bench.lane.waiting == 1


async def test_an_idle_lane_is_forgotten(bench: Bench) -> None:
    bench.lane.add([row(1, -7)])
    await bench.run(0.1)
    assert not bench.lane.evict()
    bench.clock.time += 61
    assert bench.lane.evict()


async def test_a_frozen_lane_sends_nothing_more(bench: Bench) -> None:
    bench.latency = lambda _: 1.0
    bench.lane.add(row(number, 1) for number in range(3))
    await bench.run(0.1)
    bench.lane.freeze()
    bench.lane.add([row(9, 2)])
    await bench.run(2.0)
    assert bench.ids() == [0]
    assert bench.lane.in_flight == 0
