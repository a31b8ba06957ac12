"""Messages between processes: there and back, and nothing unknown hurts."""

import asyncio
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bus import (
    AttentivePublisher,
    Bell,
    Bells,
    BotChanged,
    Delta,
    DialogEvent,
    Listening,
    MembersChanged,
    Signal,
    Subscriber,
    TurnState,
    Typing,
    bell_channel,
    decode,
    events_channel,
    members_channel,
    snapshot_key,
)
from domain.bus.messages import LookAtBot, ShowTyping, encode
from domain.kit.ids import uuid7
from domain.kit.redis import connect
from domain.kit.tasks import Tasks

BELL = Bell(2, "inbox")
EXAMPLES: list[Signal] = [
    Bell(17, "inbox"),
    Bell(18, "owed"),
    Bell(0, "outbox"),
    Bell(1023, "jobs"),
    Bells((1, 17, 1023)),
    Listening(17),
    BotChanged(8_123_456_789),
    LookAtBot(8_123_456_789),
    ShowTyping(8_123_456_789, "-100500/7"),
    MembersChanged("host:shard-00:abc", "died"),
    DialogEvent(uuid7(), uuid7(), 5, "message", {"seq": 5, "text": "да 🙂", "citations": [{"n": 1}]}),
    Delta(uuid7(), uuid7(), 12, "ещё"),
    TurnState(uuid7(), uuid7(), "aborted"),
    Typing(uuid7(), "Анна"),
]


@pytest.mark.parametrize("signal", EXAMPLES, ids=lambda signal: type(signal).__name__)
def test_there_and_back(signal: Signal) -> None:
    assert decode(encode(signal)) == signal


def test_every_class_has_an_example() -> None:
    assert {type(signal) for signal in EXAMPLES} == set(get_args(Signal))


@pytest.mark.parametrize("data", [b"", b"no", b"[]", b"{}", b'{"k":"new"}', b'{"k":"bell"}', b'{"k":"event","t":1}'])
def test_what_this_version_does_not_know_is_nothing(data: bytes) -> None:
    assert decode(data) is None


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert decode(b'{"k":"bell","s":1,"w":"jobs","new":true}') == Bell(1, "jobs")


@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    decode(data)


def test_each_name_has_exactly_one_hash_tag() -> None:
    names = [bell_channel(7), events_channel(7), members_channel(), snapshot_key(7, uuid7())]
    assert all(name.count("{") == name.count("}") == 1 for name in names)
    assert bell_channel(7).startswith("{s:0007}")


async def test_events_are_published_only_where_somebody_listens(redis_url: str) -> None:
    redis, ears = connect(redis_url), connect(redis_url, timeout=None)
    publisher, tasks, heard = AttentivePublisher(redis), Tasks("test"), asyncio.Queue[Signal]()
    connected = asyncio.Event()
    subscriber = Subscriber(ears, lambda _, signal: heard.put_nowait(signal), connected.set)
    tasks.eternal("ears", subscriber.run())
    try:
        await connected.wait()
        await subscriber.add([events_channel(1), bell_channel(2)])
        await publisher.ask()
        event = TurnState(uuid7(), uuid7(), "done")
        await publisher.publish([(events_channel(1), event), (events_channel(3), event), (bell_channel(2), BELL)])
        assert [await heard.get(), await heard.get()] == [event, BELL]
        await subscriber.add([events_channel(3)])
        publisher.joined(events_channel(3))  # a gateway says so as soon as it listens
        await publisher.publish([(events_channel(3), event), (bell_channel(2), BELL)])
        assert [await heard.get(), await heard.get()] == [event, BELL]
    finally:
        await tasks.stop()
        await redis.aclose()
        await ears.aclose()
