"""Who may run a turn now: fair between tenants, and careful with what a worker may have died of. Pure asyncio.

Rows that ran when their worker died are suspects. After a death there may be a thousand of them, and one of them may
have been the reason. So their second attempts go a few at a time, and their last ones alone among the suspects: when a
worker dies again, those that ran beside the culprit have lost one attempt and have one left, in which nobody runs
beside them. A row that kills reaches the dead letter, and takes no neighbour along. (Fresh turns go on beside them;
only a second culprit among those could cost a suspect its last attempt.)
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class TurnRoom:
    """Places for running turns: `size` in all, at most `share` of them for one tenant.

    A place that becomes free goes to the waiting tenant with the fewest running turns.
    """

    def __init__(self, size: int, share: int) -> None:
        self._free = size
        self._share = share
        self._running: Counter[UUID] = Counter()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def place(self, tenant_id: UUID) -> AsyncIterator[None]:
        """A place, when it is the tenant's turn."""
        if self._free and self._running[tenant_id] < self._share and tenant_id not in self._waiting:
            self._take(tenant_id)
        else:
            await self._wait(tenant_id)
        try:
            yield
        finally:
            self._give_back(tenant_id)

    def _take(self, tenant_id: UUID) -> None:
        self._free -= 1
        self._running[tenant_id] += 1

    async def _wait(self, tenant_id: UUID) -> None:
        line = self._waiting.setdefault(tenant_id, deque())
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give_back(tenant_id)  # it was given a place in the moment in which it gave up
            else:
                self._leave(tenant_id, future)
            raise

    def _leave(self, tenant_id: UUID, future: asyncio.Future[None]) -> None:
        line = self._waiting.get(tenant_id)
        if line is not None and future in line:
            line.remove(future)
            if not line:
                del self._waiting[tenant_id]

    def _give_back(self, tenant_id: UUID) -> None:
        self._free += 1
        self._running[tenant_id] -= 1
        if not self._running[tenant_id]:
            del self._running[tenant_id]
        while self._free and (fewest := self._next()) is not None:
            line = self._waiting[fewest]
            future = line.popleft()
            if not line:
                del self._waiting[fewest]
            if not future.done():
                self._take(fewest)
                future.set_result(None)

    def _next(self) -> UUID | None:
        candidates = [tenant for tenant in self._waiting if self._running[tenant] < self._share]
        return min(candidates, key=lambda tenant: self._running[tenant], default=None)


class Quarantine:
    """Places for suspects: some together, or one alone. The last attempts wait until the others are through."""

    def __init__(self, together: int) -> None:
        self._together = together
        self._running = 0
        self._alone = False
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {False: deque(), True: deque()}

    @asynccontextmanager
    async def place(self, *, alone: bool) -> AsyncIterator[None]:
        """A place, when there is one."""
        if self._may_enter(alone):
            self._enter(alone)
        else:
            await self._wait(alone)
        try:
            yield
        finally:
            self._give_back()

    def _may_enter(self, alone: bool) -> bool:
        if alone:
            return self._running == 0
        return not self._alone and self._running < self._together

    def _enter(self, alone: bool) -> None:
        self._running += 1
        self._alone = alone

    async def _wait(self, alone: bool) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[alone].append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give_back()  # it was given a place in the moment in which it gave up
            raise

    def _give_back(self) -> None:
        self._running -= 1
        self._alone = False
        for alone in (False, True):
            line = self._waiting[alone]
            while line and self._may_enter(alone):
                future = line.popleft()
                if not future.done():
                    self._enter(alone)
                    future.set_result(None)
