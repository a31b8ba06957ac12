"""The loop of one stream: replay what was missed, show the running turn, then live until somebody ends it.

The feed was joined before the first read, so what happens in between waits in it and is sent after the replay; a
number that is there already is dropped, a missing one is read from Postgres.
"""

import random
from collections.abc import Awaitable, Callable

from domain.bus import Delta, DialogEvent, Signal, TurnState, Typing
from domain.kit.clock import Clock
from domain.kit.errors import Unavailable
from gateway.sse import frames
from gateway.sse.feed import Feed
from gateway.sse.history import PAGE, DialogHistory
from gateway.sse.timing import Timing
from gateway.sse.view import DialogView, Gap, TextGap

Send = Callable[[bytes], Awaitable[None]]

_AWAY_PAUSE = 2.0  # seconds until a stream asks Postgres again that did not answer


class DialogStream:
    """One client, one dialog. `run` returns when the stream is over; the client comes back by itself."""

    def __init__(self, feed: Feed, history: DialogHistory, timing: Timing, clock: Clock) -> None:
        self._feed = feed
        self._history = history
        self._timing = timing
        self._clock = clock
        self._view = DialogView(feed.dialog_id, feed.seq)

    async def begin(self) -> bytes | None:
        """The first bytes: what was missed, the running turn, ready. Raises Unavailable.

        None for a client that has seen more than there is (its transcript is of another time): it must start over.
        """
        feed = self._feed
        last = await self._history.last_seqs(tenant_id=feed.tenant_id, dialog_ids=[feed.dialog_id])
        if last.get(feed.dialog_id, 0) < self._view.seq:
            return None
        return await self._replay() + await self._snapshot() + frames.event("ready", {"last_seq": self._view.seq})

    async def run(self, first: bytes | None, send: Send) -> None:
        """Send what `begin` returned, then serve until the process ends, the client is too slow, or it is too old."""
        await send(frames.retry(self._timing.retry) + (frames.event("reset", {}) if first is None else first))
        if first is None:
            return
        end_at = self._clock.monotonic() + self._timing.max_age
        heartbeat_at = self._clock.monotonic() + self._timing.heartbeat
        while self._clock.monotonic() < end_at:
            await self._feed.wait(min(heartbeat_at, end_at) - self._clock.monotonic())
            if self._feed.ending:
                await send(frames.retry(1 + random.random() * 4))  # noqa: S311  # spreads reconnections, no secret
                return
            if self._feed.overflowed:
                await send(frames.event("reset", {}))
                return
            chunk = await self._news()
            if not chunk and self._clock.monotonic() >= heartbeat_at:
                chunk = frames.HEARTBEAT
            if chunk:
                await send(chunk)
                heartbeat_at = self._clock.monotonic() + self._timing.heartbeat

    async def _news(self) -> bytes:
        signals, stale = self._feed.take()
        try:
            parts = [await self._replay()] if stale else []
            parts += [await self._frame(signal) for signal in signals]
        except Unavailable:
            # Postgres is away: keep the client, and look again when it may be back
            await self._clock.sleep(_AWAY_PAUSE)
            self._feed.mark_stale()
            return frames.HEARTBEAT
        return b"".join(parts)

    async def _frame(self, signal: Signal) -> bytes:
        try:
            if isinstance(signal, DialogEvent):
                frame = self._view.durable(signal.seq, signal.kind, signal.data)
                self._feed.seq = self._view.seq
                return frame
            if isinstance(signal, Delta):
                return self._view.delta(signal)
        except Gap:
            return await self._replay()
        except TextGap:
            return await self._snapshot()
        if isinstance(signal, TurnState):
            return self._view.turn(signal)
        if isinstance(signal, Typing):
            return frames.event("typing", {"who": "operator", "name": signal.name})
        return b""

    async def _replay(self) -> bytes:
        parts: list[bytes] = []
        feed, view = self._feed, self._view
        while True:
            events = await self._history.events_since(
                tenant_id=feed.tenant_id, dialog_id=feed.dialog_id, after=view.seq
            )
            parts += [view.durable(event.seq, event.kind, event.data, trusted=True) for event in events]
            feed.seq = view.seq
            if len(events) < PAGE:
                return b"".join(parts)

    async def _snapshot(self) -> bytes:
        turn = await self._history.running_turn(slot=self._feed.slot, dialog_id=self._feed.dialog_id)
        return self._view.snapshot(*turn) if turn else b""
