"""Tasks: a long-lived one that ends is an error, a short one that fails is logged, none is left behind."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.kit.tasks import TaskEnded, Tasks


async def _raise(error: BaseException) -> None:
    raise error


async def test_an_eternal_task_that_dies_ends_the_process_with_its_cause() -> None:
    tasks = Tasks("test")
    tasks.eternal("loop", _raise(ValueError("boom")))
    with pytest.raises(TaskEnded) as caught:
        await tasks.run_until(asyncio.Event())
    assert isinstance(caught.value.__cause__, ValueError)
    await tasks.stop()


async def test_an_eternal_task_that_returns_is_an_error_too() -> None:
    tasks = Tasks("test")
    tasks.eternal("loop", asyncio.sleep(0))
    with pytest.raises(TaskEnded) as caught:
        await tasks.run_until(asyncio.Event())
    assert "returned" in str(caught.value.__cause__)
    await tasks.stop()


async def test_a_death_before_anyone_waits_is_not_forgotten() -> None:
    tasks = Tasks("test")
    tasks.eternal("loop", _raise(ValueError("boom")))
    await asyncio.sleep(0.01)
    with pytest.raises(TaskEnded):
        await tasks.run_until(asyncio.Event())


async def test_stopping_is_not_a_death() -> None:
    tasks = Tasks("test")
    tasks.eternal("loop", asyncio.sleep(1000))
    stop = asyncio.Event()
    stop.set()
    await tasks.run_until(stop)
    await tasks.stop()
    assert len(tasks) == 0


async def test_a_short_task_that_fails_is_logged_with_its_name() -> None:
    tasks = Tasks("test")
    with capture_logs() as logs:
        await asyncio.wait([tasks.short("errand", _raise(ValueError("boom")))])
        await asyncio.sleep(0)
    assert [entry["task"] for entry in logs if entry["event"] == "task.failed"] == ["test:errand"]
    assert len(tasks) == 0


async def test_drain_waits_and_says_whether_all_finished() -> None:
    tasks = Tasks("test")
    gate = asyncio.Event()
    tasks.short("slow", gate.wait())
    assert not await tasks.drain(0.01)
    gate.set()
    assert await tasks.drain(1)


async def test_stop_takes_what_a_cancelled_task_started() -> None:
    tasks = Tasks("test")

    async def stubborn() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            tasks.short("late", asyncio.sleep(1000))

    task: asyncio.Task[Any] = tasks.short("stubborn", stubborn())
    await asyncio.sleep(0)
    await tasks.stop()
    assert task.cancelled()
    assert len(tasks) == 0
