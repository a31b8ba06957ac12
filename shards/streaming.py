"""A running turn, seen from outside: deltas for web clients, a snapshot for reloads, drafts for Telegram.

All of it is ephemeral: nothing here is awaited by the answer for longer than a doorbell takes, and the committed
message replaces it.
"""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import orjson

from domain.bus import Delta, Publisher, TurnState, events_channel, snapshot_key
from domain.bus.channels import SNAPSHOT_TTL
from domain.kit.clock import Clock
from shards.drafts import DraftSender

DELTA_EVERY = 0.03  # seconds; a token faster than that shares its message with the next
SNAPSHOT_EVERY = 0.25  # seconds


@dataclass(slots=True)
class TurnStream:
    """Where a turn's text goes while it grows. `drafts` is None on the web."""

    publisher: Publisher
    clock: Clock
    dialog_id: UUID
    slot: int
    turn_id: UUID
    drafts: DraftSender | None = None
    _text: str = ""
    _sent: int = 0
    _delta_at: float = field(default=-1e9)
    _snapshot_at: float = field(default=-1e9)

    @property
    def text(self) -> str:
        """What was said so far."""
        return self._text

    async def start(self) -> None:
        """The turn begins (or begins again)."""
        self._text, self._sent = "", 0
        await self._say("started")
        if self.drafts is not None:
            self.drafts.thinking()

    async def emit(self, piece: str) -> None:
        """More text."""
        self._text += piece
        now = self.clock.monotonic()
        if self.drafts is not None:
            self.drafts.show(self._text)
            return
        if now - self._delta_at >= DELTA_EVERY:
            self._delta_at = now
            await self._publish_delta()
        if now - self._snapshot_at >= SNAPSHOT_EVERY:
            self._snapshot_at = now
            snapshot = orjson.dumps({"turn_id": self.turn_id, "text": self._text})
            await self.publisher.save_snapshot(snapshot_key(self.slot, self.dialog_id), snapshot, SNAPSHOT_TTL)

    async def settle(self) -> bool:
        """The answer is about to be committed: show nothing more; False if what was shown may still change."""
        return self.drafts is None or await self.drafts.settle()

    async def end(self, state: Literal["aborted", "done"]) -> None:
        """The turn is over: its message is committed, or its deltas are void."""
        if self.drafts is not None:
            self.drafts.stop()
        await self._say(state)
        await self.publisher.drop_snapshot(snapshot_key(self.slot, self.dialog_id))

    async def _publish_delta(self) -> None:
        delta = Delta(self.dialog_id, self.turn_id, self._sent, self._text[self._sent :])
        self._sent = len(self._text)
        await self.publisher.publish([(events_channel(self.slot), delta)])

    async def _say(self, state: Literal["started", "aborted", "done"]) -> None:
        await self.publisher.publish([(events_channel(self.slot), TurnState(self.dialog_id, self.turn_id, state))])
