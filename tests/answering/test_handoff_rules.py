"""The state machine: every handoff is announced once, ends with the assistant, and never loops."""

from hypothesis import given
from hypothesis import strategies as st

from domain.handoff.model import Event, State
from domain.handoff.rules import TRANSITIONS, WAITING, after, assistant_answers, mode_of, opens

EVENTS = st.lists(st.sampled_from(list(Event)), max_size=30)


@given(EVENTS)
def test_any_history_keeps_the_promises(events: list[Event]) -> None:
    state, notices, ended = State.AI, 0, 0
    waited = False
    for event in events:
        following = after(state, event)
        if following is None:
            continue  # refused: nothing changes
        if opens(state, event):
            notices += 1
            assert state not in WAITING
            assert following is State.REQUESTED
        ended += state in WAITING and following is State.RESOLVED
        waited = waited or following in WAITING
        assert assistant_answers(following) == (mode_of(following) != "active")
        state = following
    # Every request that was announced is over or still open, and there is at most one.
    assert notices - ended <= 1
    assert mode_of(state) in {"ai", "requested", "assigned", "active"}


@given(EVENTS)
def test_from_everywhere_the_assistant_can_have_it_back(events: list[Event]) -> None:
    state = State.AI
    for event in events:
        state = after(state, event) or state
    for event in (Event.RESOLVE, Event.RETURN):
        state = after(state, event) or state
    assert state is State.AI


def test_asking_again_changes_nothing() -> None:
    for state in WAITING:
        assert after(state, Event.REQUEST) is state
        assert not opens(state, Event.REQUEST)


def test_the_assistant_comes_back_only_after_a_resolution() -> None:
    assert {state for (state, _), following in TRANSITIONS.items() if following is State.AI} == {State.RESOLVED}
    assert after(State.ACTIVE, Event.RETURN) is None
    assert after(State.AI, Event.RESOLVE) is None


def test_only_an_active_person_silences_the_assistant() -> None:
    assert [state for state in State if not assistant_answers(state)] == [State.ACTIVE]
