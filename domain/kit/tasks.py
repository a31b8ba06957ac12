"""Named, owned, guarded tasks: the only place that creates any.

A long-lived task that ends is an error: `Tasks.run_until` returns when one dies, the process stops, supervisord
starts it again. Short tasks are logged when they fail, and are cancelled with their owner.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from domain.kit.log import logger

log = logger(__name__)


class TaskEnded(RuntimeError):
    """A task that should run for ever returned or died."""


class Tasks:
    """The owner of a component's tasks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._eternal: set[asyncio.Task[Any]] = set()
        self._short: set[asyncio.Task[Any]] = set()
        self._dead: asyncio.Future[BaseException] | None = None

    def __len__(self) -> int:
        return len(self._short) + len(self._eternal)

    def eternal(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work`, which must not end before `stop`."""
        task = asyncio.create_task(work, name=f"{self._name}:{name}")
        self._eternal.add(task)
        task.add_done_callback(self._eternal_ended)
        return task

    def short(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside the caller; a failure is logged with the task's name."""
        task = asyncio.create_task(work, name=f"{self._name}:{name}")
        self._short.add(task)
        task.add_done_callback(self._short_ended)
        return task

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises TaskEnded (chained to its cause) if an eternal task ends first."""
        self._dead = self._dead or asyncio.get_running_loop().create_future()
        waiter: asyncio.Future[Any] = asyncio.create_task(stop.wait(), name=f"{self._name}:stop")
        dead: asyncio.Future[Any] = self._dead
        try:
            await asyncio.wait([waiter, dead], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if self._dead.done():
            raise TaskEnded(f"a task of {self._name} ended") from self._dead.result()

    async def drain(self, seconds: float) -> bool:
        """Wait up to `seconds` for the short tasks to finish; True if all did."""
        if self._short:
            await asyncio.wait(self._short, timeout=seconds)
        return not self._short

    async def stop(self) -> None:
        """Cancel everything and wait until it is gone."""
        while everything := [*self._eternal, *self._short]:
            self._eternal.clear()
            for task in everything:
                task.cancel()
            await asyncio.wait(everything)
            for task in everything:  # what a cancelled task started meanwhile goes in the next round
                self._short.discard(task)
                if not task.cancelled() and (error := task.exception()) is not None:
                    log.warning("task.failed_at_stop", task=task.get_name(), error=repr(error))

    def _eternal_ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._eternal:
            return
        self._eternal.discard(task)
        if task.cancelled():
            cause: BaseException = asyncio.CancelledError()
        else:
            cause = task.exception() or RuntimeError("it returned")
        log.error("task.ended", task=task.get_name(), error=repr(cause))
        if self._dead is None:
            self._dead = asyncio.get_running_loop().create_future()
        if not self._dead.done():
            self._dead.set_result(cause)

    def _short_ended(self, task: asyncio.Task[Any]) -> None:
        self._short.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed", task=task.get_name(), exc_info=error)
