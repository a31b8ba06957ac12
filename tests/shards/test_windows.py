"""Limits and slots: no window of any position is exceeded, and as little as possible moves."""

import tracemalloc
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.slots import SLOTS
from shards.buckets import JITTER, BotLimits, Rule, Window, chat_rules
from shards.rendezvous import desired_slots

TINY = 1e-6


def _send(limits: BotLimits, chat: int, now: float, *, bulk: bool = False) -> None:
    """A send whose write takes no time."""
    limits.admit(chat, now, bulk=bulk)
    limits.written(chat, now)


def _worst(times: list[float], period: float) -> int:
    """The most events in any half-open window of this length; the worst ones begin at an event."""
    times = sorted(times)
    return max((sum(start <= t < start + period - TINY for t in times) for start in times), default=0)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 6),
    st.floats(0.3, 3),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_sliding_window_exceeds_its_limit(limit: int, period: float, gaps: list[float]) -> None:
    window = Window((Rule(limit, period),))
    now, sent = 1000.0, []
    for gap in gaps:
        now = max(now + gap, window.ready_at(now + gap))
        window.take(now)
        sent.append(now)
    assert _worst(sent, period) <= limit


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.lists(st.tuples(st.sampled_from([1, 2, 3, -4, -5]), st.floats(0, 0.4)), max_size=120))
def test_neither_the_bot_nor_any_chat_exceeds_its_limit(rate: int, wanted: list[tuple[int, float]]) -> None:
    limits = BotLimits(rate)
    now, sent = 50.0, []
    for chat, gap in wanted:
        now += gap
        now = max(now, limits.ready_at(chat, now))
        _send(limits, chat, now)
        sent.append((chat, now))
    assert _worst([at for _, at in sent], 1.0) <= rate
    for chat in {chat for chat, _ in sent}:
        times = [at for other, at in sent if other == chat]
        if chat < 0:
            assert _worst(times, 1.0) <= 1
            assert _worst(times, 60.0) <= 20
        else:
            assert _worst(times, 3.0) <= 3


_STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([1, 2, -4, -5]), st.floats(0, 0.6)),
    st.tuples(st.just("bulk"), st.sampled_from([1, 3, -4]), st.floats(0, 0.3)),
    st.tuples(st.just("draft"), st.sampled_from([1, 2]), st.floats(0, 0.3)),
    st.tuples(st.just("hold"), st.sampled_from([1, -4]), st.floats(0, 3)),
    st.tuples(st.just("flood"), st.sampled_from([1, -4]), st.floats(0, 3)),
    st.tuples(st.just("recall"), st.sampled_from([1, -5, 9]), st.floats(0, 60)),
)


@settings(max_examples=120, deadline=None)
@given(st.integers(2, 8), st.lists(_STEPS, max_size=80))
def test_no_window_is_exceeded_whatever_is_held_refused_and_recalled(
    rate: int, steps: list[tuple[str, int, float]]
) -> None:
    limits, now = BotLimits(rate), 1000.0
    sent: list[tuple[int, float]] = []
    held: dict[int, float] = {}
    for what, chat, amount in steps:
        if what == "hold":
            limits.hold(chat, now + amount)
            held[chat] = max(now + amount, held.get(chat, 0.0))
        elif what == "flood":
            limits.flooded(chat, now + amount)
            held[chat] = max(now + amount, held.get(chat, 0.0))
        elif what == "recall":
            if _fits([*sent, (chat, now - amount)], rate):  # what the last owner sent did not exceed them either
                limits.recall([(chat, amount)], now)
                sent.append((chat, now - amount))
        else:
            now += amount
            if what == "draft":
                counted = limits.admit_spare(chat, now, shown=True)
                if counted:
                    limits.written(chat, now)
            else:
                now = max(now, limits.ready_at(chat, now), limits.bot_ready_at(now, bulk=what == "bulk"))
                now = max(now, limits.ready_at(chat, now))
                _send(limits, chat, now, bulk=what == "bulk")
                limits.answered(chat)
                counted = True
            if counted:
                assert now >= held.get(chat, 0.0)
                sent.append((chat, now))
    assert _fits(sent, rate)


_WRITES = st.one_of(
    st.tuples(st.just("admit"), st.sampled_from([1, 2, 3, -4, -5]), st.floats(0, 0.6)),
    st.tuples(st.just("write"), st.integers(0, 3), st.floats(0, 1.5)),
)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 5), st.lists(_WRITES, max_size=80), st.randoms())
def test_no_window_of_writes_is_exceeded_however_long_the_process_stands_still_beside_them(
    rate: int, steps: list[tuple[str, int, float]], random: Random
) -> None:
    limits, now = BotLimits(rate), 1000.0
    pending: list[tuple[int, float]] = []
    sent: list[tuple[int, float]] = []
    for what, which, amount in steps:
        now += amount
        if what == "admit" and limits.ready_at(which, now) <= now:
            limits.admit(which, now)
            pending.append((which, now))
        elif what == "write" and pending:
            chat, admitted = pending.pop(which % len(pending))
            sent.append((chat, random.uniform(admitted, now)))  # somewhere between the two looks at the clock
            limits.written(chat, now)
    assert _fits(sent, rate)


def _fits(sent: list[tuple[int, float]], rate: int) -> bool:
    """Whether the sends are within every limit."""
    fits = _worst([at for _, at in sent], 1.0) <= rate
    for chat in {chat for chat, _ in sent}:
        times = [at for other, at in sent if other == chat]
        fits = fits and all(_worst(times, round(rule.period)) <= rule.limit for rule in chat_rules(chat))
    return fits


@given(st.lists(st.tuples(st.sampled_from([7, -8]), st.floats(0, 59)), max_size=40))
def test_windows_rebuilt_by_a_new_owner_are_those_of_the_old_one(ages: list[tuple[int, float]]) -> None:
    old, new = BotLimits(30), BotLimits(30)
    for chat, age in sorted(ages, key=lambda send: -send[1]):
        _send(old, chat, 100.0 - age)
    new.recall(ages, 100.0)
    assert [new.ready_at(chat, 100.0) for chat in (7, -8, 9)] == [old.ready_at(chat, 100.0) for chat in (7, -8, 9)]


def test_a_recall_after_sends_of_our_own_still_counts_all() -> None:
    limits = BotLimits(3)
    _send(limits, 1, 100.0)
    limits.recall([(2, 0.5), (3, 0.2)], 100.0)
    assert limits.ready_at(4, 100.0) == 100.5 + JITTER


def test_drafts_count_and_leave_a_place_for_the_answer() -> None:
    limits = BotLimits(30)
    assert [limits.admit_spare(7, 100.0, shown=True) for _ in range(4)] == [True, True, False, False]
    assert limits.ready_at(7, 100.0) == 100.0
    _send(limits, 7, 100.0)
    assert limits.ready_at(7, 100.0) > 102.9
    limits.hold(8, 101.0)
    assert not limits.admit_spare(8, 100.0, shown=True)
    limits.flooded(9, 101.0)
    assert not limits.admit_spare(10, 100.0, shown=False)


def test_edits_leave_half_of_a_groups_minute_free() -> None:
    limits = BotLimits(30)
    admitted = 0
    for at in range(100, 124, 2):
        if limits.admit_spare(-7, at, shown=True):
            limits.written(-7, at)
            admitted += 1
    assert admitted == 10
    assert limits.ready_at(-7, 124.0) == 124.0


def test_a_hold_is_kept_and_never_shortened() -> None:
    limits = BotLimits(30)
    limits.hold(7, 137.0)
    limits.hold(7, 105.0)
    assert limits.ready_at(7, 100.0) == 137.0
    assert limits.ready_at(8, 100.0) == 100.0


def test_idle_chats_cost_nothing() -> None:
    limits = BotLimits(30)
    for chat in range(1, 1001):
        _send(limits, chat, 100.0)
    limits.hold(5000, 101.0)
    limits.evict(110.0)
    assert (len(limits.chats), len(limits.holds)) == (0, 0)
    assert limits.idle(110.0)


def test_a_chat_that_was_written_to_costs_a_list_of_times() -> None:
    tracemalloc.start()
    limits = BotLimits(30)
    before = tracemalloc.get_traced_memory()[0]
    for chat in range(1, 10_001):
        _send(limits, chat, 100.0 + chat / 1e6)
    cost = (tracemalloc.get_traced_memory()[0] - before) / 10_000
    tracemalloc.stop()
    assert cost < 500  # bytes


_names = st.sets(st.integers(0, 99).map(lambda n: f"host{n % 3}:shard-{n:02d}"), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(_names)
def test_every_slot_has_exactly_one_owner(names: set[str]) -> None:
    owned = [desired_slots(name, names) for name in names]
    assert sum(len(slots) for slots in owned) == SLOTS
    assert frozenset().union(*owned) == frozenset(range(SLOTS))


@settings(max_examples=25, deadline=None)
@given(_names)
def test_a_newcomer_takes_only_what_becomes_its_own(names: set[str]) -> None:
    grown = names | {"host9:new"}
    for name in names:
        before, after = desired_slots(name, names), desired_slots(name, grown)
        assert after <= before
        assert before - after <= desired_slots("host9:new", grown)


def test_slots_are_shared_evenly() -> None:
    names = {f"host:shard-{n:02d}" for n in range(8)}
    sizes = [len(desired_slots(name, names)) for name in names]
    assert max(sizes) < 1.3 * SLOTS / 8
    assert min(sizes) > 0.7 * SLOTS / 8


def test_a_restart_moves_nothing() -> None:
    assert desired_slots("h:shard-00", ["h:shard-00", "h:shard-01"]) == desired_slots(
        "h:shard-00", iter(["h:shard-01", "h:shard-00"])
    )
    assert desired_slots("h:gone", ["h:shard-00"]) == frozenset()
