"""The state machine of a dialog between assistant and people; pure."""

from typing import Literal

from domain.handoff.model import Event, State

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.AI, Event.REQUEST): State.REQUESTED,
    (State.AI, Event.TAKE_OVER): State.ACTIVE,  # an operator steps in unasked
    (State.REQUESTED, Event.REQUEST): State.REQUESTED,  # asked again: one request, one notice
    (State.REQUESTED, Event.ASSIGN): State.ASSIGNED,
    (State.REQUESTED, Event.TAKE_OVER): State.ACTIVE,
    (State.REQUESTED, Event.RESOLVE): State.RESOLVED,
    (State.ASSIGNED, Event.REQUEST): State.ASSIGNED,
    (State.ASSIGNED, Event.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Event.RELEASE): State.REQUESTED,
    (State.ASSIGNED, Event.TAKE_OVER): State.ACTIVE,
    (State.ASSIGNED, Event.RESOLVE): State.RESOLVED,
    (State.ACTIVE, Event.REQUEST): State.ACTIVE,
    (State.ACTIVE, Event.TAKE_OVER): State.ACTIVE,
    (State.ACTIVE, Event.RELEASE): State.REQUESTED,
    (State.ACTIVE, Event.RESOLVE): State.RESOLVED,
    (State.RESOLVED, Event.REQUEST): State.REQUESTED,
    (State.RESOLVED, Event.TAKE_OVER): State.ACTIVE,
    (State.RESOLVED, Event.RESOLVE): State.RESOLVED,
    (State.RESOLVED, Event.RETURN): State.AI,
}
WAITING = frozenset({State.REQUESTED, State.ASSIGNED, State.ACTIVE})


def after(state: State, event: Event) -> State | None:
    """The next state; None if the event cannot happen now."""
    return TRANSITIONS.get((state, event))


def opens(state: State, event: Event) -> bool:
    """Whether the event opens a request: exactly then the customer is told and the queue gets an item."""
    return event is Event.REQUEST and state not in WAITING


def assistant_answers(state: State) -> bool:
    """Whether the assistant still answers the customer."""
    return state is not State.ACTIVE


def mode_of(state: State) -> Literal["ai", "requested", "assigned", "active"]:
    """The dialog's `mode` in this state."""
    match state:
        case State.REQUESTED:
            return "requested"
        case State.ASSIGNED:
            return "assigned"
        case State.ACTIVE:
            return "active"
        case _:
            return "ai"
