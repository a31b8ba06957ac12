"""The lease of one shard: its row in `shard_members`, and the right to act that follows from it.

Renewed every TTL/5 with the database's clock, on a connection of its own, so that no busy pool makes it late. Locally
it counts until `deadline` (monotonic, from before the renewal was sent, minus a margin): a process that was stopped for
a while, or that Postgres cannot be reached from, goes silent before anybody else may take its slots. A renewal that
changes no row, or a deadline that passed, ends the process: supervisord starts a clean one.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from domain.kit.clock import Clock
from domain.kit.errors import Unavailable
from domain.kit.ids import uuid7
from domain.kit.line import Line
from domain.kit.log import logger
from shards import queries

log = logger(__name__)

TTL = 10.0  # seconds
MARGIN = 2.0  # seconds before the lease ends, by our clock, when its use ends
RENEW_EVERY = TTL / 5
ANSWER_WITHIN = 2.0  # seconds until a connection without an answer is given up for a new one
RETRY_AFTER = 0.2  # seconds
SAMPLE_EVERY = 0.25  # seconds between looks at how late the event loop is


class LeaseLost(RuntimeError):
    """The lease ran out: nothing this process holds is its own any more."""


class Lease:
    """Membership of the deployment. `stats` is what the row tells of us, asked at each renewal."""

    def __init__(self, line: Line, clock: Clock, *, program: str) -> None:
        self._line = line
        self._clock = clock
        self._program = program
        self._host = socket.gethostname()
        self.name = f"{self._host}:{program}"  # the same after a restart
        self.member_id = f"{self.name}:{uuid7().hex}"
        self.deadline = 0.0
        self.draining = False
        self.stats: Callable[[], dict[str, Any]] = dict
        self._delay = 0.0
        self._left = False
        self._one = asyncio.Lock()  # a line is not for two callers at once

    @property
    def valid(self) -> bool:
        """Whether we may act now."""
        return self._clock.monotonic() < self.deadline

    async def join(self) -> None:
        """Become a member. Raises Unavailable."""
        before = self._clock.monotonic()
        async with self._one:
            await self._line.fetchrow(
                queries.JOIN, self.member_id, self._program, self._host, os.getpid(), TTL, seconds=TTL / 2
            )
        self.deadline = before + TTL - MARGIN

    async def leave(self) -> None:
        """End the membership; what is still owned becomes free with it. Raises Unavailable."""
        async with self._one:
            self._left = True
            self.deadline = 0.0
            await self._line.fetchrow(queries.LEAVE, self.member_id, seconds=ANSWER_WITHIN)

    async def run(self) -> None:
        """Eternal: keep it. Raises LeaseLost."""
        while True:
            await self._clock.sleep(RENEW_EVERY)
            await self.renew()

    async def watch_loop(self) -> None:
        """Eternal: how late our event loop is, at worst, between two renewals."""
        while True:
            due = self._clock.monotonic() + SAMPLE_EVERY
            await self._clock.sleep(SAMPLE_EVERY)
            self._delay = max(self._delay, self._clock.monotonic() - due)

    async def renew(self) -> None:
        """Renew it, over as many connections as it takes. Raises LeaseLost."""
        complained = False
        async with self._one:
            while not self._left:
                try:
                    await self._renew()
                    return
                except Unavailable as error:
                    if not complained:
                        log.warning("lease.renewal_failed", error=error.detail)
                    complained = True
                await self._clock.sleep(RETRY_AFTER)

    def close(self) -> None:
        """Drop the connection."""
        self._line.drop()

    async def _renew(self) -> None:
        before = self._clock.monotonic()
        if before >= self.deadline:
            self._lost("the lease could not be renewed in time")
        delay, self._delay = self._delay, 0.0
        row = await self._line.fetchrow(
            queries.RENEW,
            self.member_id,
            TTL,
            self.draining,
            delay * 1000,
            self.stats(),
            seconds=min(ANSWER_WITHIN, self.deadline - before),
        )
        if row is None:
            self._lost("the lease ran out")
        if self._clock.monotonic() >= self.deadline:
            # Whoever looked in the meantime was told that nothing is ours, and dropped its work for the next owner.
            self._lost("the lease was renewed too late")
        self.deadline = before + TTL - MARGIN

    def _lost(self, why: str) -> NoReturn:
        self.deadline = 0.0
        raise LeaseLost(why)
