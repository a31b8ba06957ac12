"""The pure parts of the stream: frames, order, partial text, the bounded queue."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bus import Delta, TurnState, Typing
from gateway.sse import frames
from gateway.sse.feed import CAPACITY, Feed
from gateway.sse.view import DialogView, Gap, TextGap

DIALOG = UUID(int=1)


def view(seq: int = 0) -> DialogView:
    """A client that has everything up to seq."""
    return DialogView(DIALOG, seq)


def delta(turn_id: UUID, offset: int, text: str) -> Delta:
    """More text."""
    return Delta(DIALOG, turn_id, offset, text)


def test_an_event_is_json_on_one_line() -> None:
    frame = frames.event("message", {"text": "a\nb\r\n\u2028ы"}, event_id="d:1")
    assert frame == b'event: message\nid: d:1\ndata: {"text":"a\\nb\\r\\n\xe2\x80\xa8\xd1\x8b"}\n\n'
    assert frames.retry(1.5) == b"retry: 1500\n\n"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("d:7", 7),
        ("d:0", 0),
        ("e:7", None),
        ("d:-1", None),
        ("d:", None),
        ("", None),
        ("d:٣", None),
        ("d:" + "9" * 30, None),
    ],
)
def test_last_event_id(header: str, expected: int | None) -> None:
    assert frames.last_seq(header, "d") == expected


def test_durable_events_are_sent_once_and_in_order() -> None:
    client = view(2)
    assert client.durable(2, "mode", {}) == b""
    assert b"id: " in client.durable(3, "mode", {})
    assert client.durable(3, "mode", {}) == b""
    with pytest.raises(Gap):
        client.durable(5, "mode", {})
    assert client.durable(5, "mode", {}, trusted=True)
    assert client.seq == 5


@given(st.permutations(range(1, 8)), st.integers(0, 7))
def test_whatever_order_signals_come_in_the_client_gets_all_once(order: list[int], start: int) -> None:
    client, got = view(start), list[int]()
    log = range(1, 8)
    for seq in order:
        try:
            frame = client.durable(seq, "mode", {})
            got += [seq] if frame else []
        except Gap:
            missing = [number for number in log if number > client.seq]
            for number in missing:
                client.durable(number, "mode", {}, trusted=True)
            got += missing
    assert got == list(range(start + 1, 8))


def test_text_grows_by_offset_and_holes_are_noticed() -> None:
    client, turn = view(), uuid4()
    assert client.delta(delta(turn, 0, "При"))
    assert client.delta(delta(turn, 3, "вет 🦊"))
    assert client.length == 8
    assert client.delta(delta(turn, 0, "again"))
    with pytest.raises(TextGap):
        client.delta(delta(turn, 6, "x"))
    with pytest.raises(TextGap):
        client.delta(delta(uuid4(), 1, "x"))


def test_a_snapshot_is_sent_only_when_it_says_more() -> None:
    client, turn = view(), uuid4()
    assert client.snapshot(turn, "Hello")
    assert client.snapshot(turn, "Hel") == b""
    assert client.delta(delta(turn, 5, "!"))
    assert client.snapshot(turn, "Hello!?")


def test_a_finished_turn_stays_finished() -> None:
    client, turn = view(), uuid4()
    client.delta(delta(turn, 0, "x"))
    client.durable(1, "message", {"turn_id": str(turn)})
    assert client.delta(delta(turn, 1, "y")) == b""
    assert client.snapshot(turn, "xyz") == b""
    assert client.turn(TurnState(DIALOG, turn, "done")) == b""
    aborted = uuid4()
    client.delta(delta(aborted, 0, "x"))
    assert client.turn(TurnState(DIALOG, aborted, "aborted"))
    assert client.delta(delta(aborted, 1, "y")) == b""


async def test_a_full_queue_is_given_up_for_good() -> None:
    feed = Feed(uuid4(), DIALOG, 1, 0)
    for _ in range(CAPACITY):
        feed.offer(Typing(DIALOG, "Ann"))
    signals, _ = feed.take()
    assert len(signals) == CAPACITY
    for _ in range(CAPACITY + 1):
        feed.offer(Typing(DIALOG, "Ann"))
    assert feed.overflowed
    feed.offer(Typing(DIALOG, "Ann"))
    assert feed.take() == ([], False)


async def test_waiting_ends_with_news_or_with_time() -> None:
    feed = Feed(uuid4(), DIALOG, 1, 0)
    await feed.wait(0.0)
    feed.mark_stale()
    await feed.wait(60.0)
    assert feed.take() == ([], True)
    assert feed.take() == ([], False)
