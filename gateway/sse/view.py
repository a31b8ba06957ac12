"""What one client has seen of a dialog: each signal becomes its frame, nothing, or a request to read up; pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.bus import Delta, TurnState
from gateway.sse import frames


class Gap(Exception):
    """A durable event before this one is missing: read Postgres."""


class TextGap(Exception):
    """A part of the running answer is missing: read the snapshot."""


@dataclass(slots=True)
class DialogView:
    """`seq` is the last durable event sent; `turn_id` and `length` say how much of a running answer was sent."""

    dialog_id: UUID
    seq: int
    turn_id: UUID | None = None
    length: int = 0
    _over: deque[UUID] = field(default_factory=lambda: deque(maxlen=16))

    def durable(self, seq: int, kind: str, data: dict[str, Any], *, trusted: bool = False) -> bytes:
        """The frame of a durable event, empty if it was sent already.

        Raises Gap when one before it is missing, unless it is `trusted`, which means read from Postgres.
        """
        if seq <= self.seq:
            return b""
        if seq > self.seq + 1 and not trusted:
            raise Gap
        self.seq = seq
        turn_id = data.get("turn_id") if kind == "message" else None
        if turn_id is not None:
            self._end_turn(UUID(str(turn_id)))
        return frames.event(kind, data, event_id=f"{self.dialog_id}:{seq}")

    def delta(self, delta: Delta) -> bytes:
        """The frame of more text. Raises TextGap when text before it is missing."""
        if delta.turn_id in self._over:
            return b""
        if delta.offset > (self.length if delta.turn_id == self.turn_id else 0):
            raise TextGap
        self.turn_id, self.length = delta.turn_id, delta.offset + len(delta.text)
        return _delta(delta.turn_id, delta.offset, delta.text)

    def turn(self, state: TurnState) -> bytes:
        """The frame of a turn's beginning or end."""
        if state.turn_id in self._over:
            return b""
        if state.state == "started":
            self.turn_id, self.length = state.turn_id, 0
        else:
            self._end_turn(state.turn_id)
        return frames.event("turn", {"turn_id": str(state.turn_id), "state": state.state})

    def snapshot(self, turn_id: UUID, text: str) -> bytes:
        """The frames that bring a client to the text so far of a running turn."""
        if turn_id in self._over or (turn_id == self.turn_id and len(text) <= self.length):
            return b""
        self.turn_id, self.length = turn_id, len(text)
        started = frames.event("turn", {"turn_id": str(turn_id), "state": "started"})
        return started + _delta(turn_id, 0, text)

    def _end_turn(self, turn_id: UUID) -> None:
        self._over.append(turn_id)
        if self.turn_id == turn_id:
            self.turn_id, self.length = None, 0


def _delta(turn_id: UUID, offset: int, text: str) -> bytes:
    return frames.event("delta", {"turn_id": str(turn_id), "offset": offset, "text": text})
