"""One seed of every fault of the short set, on one product that lives through them all."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from tests.chaos.catalogue import CATALOGUE
from tests.chaos.crowd import Crowd
from tests.chaos.history import Verdict
from tests.chaos.run import Fault, Size, run_fault
from tests.chaos.stack import Servers, Shape, Stack, running_servers, running_stack

SEED = 1
pytestmark = pytest.mark.timeout(180)


class Stage:
    """A product, made when it is needed and made anew after a fault that it did not live through."""

    def __init__(self, servers: Servers, runner: asyncio.Runner, folder: Path) -> None:
        self._servers = servers
        self._runner = runner
        self._folder = folder
        self._exits = AsyncExitStack()
        self._found: tuple[Stack, Crowd] | None = None

    def play(self, fault: Fault) -> Verdict:
        """Run a fault."""
        try:
            verdict = self._runner.run(self._play(fault))
        except BaseException:
            self.close()
            raise
        if verdict.violations:
            self.close()
        return verdict

    def close(self) -> None:
        """Stop the product."""
        self._found = None
        self._runner.run(self._exits.aclose())

    async def _play(self, fault: Fault) -> Verdict:
        if self._found is None:
            stack = await self._exits.enter_async_context(running_stack(self._servers, Shape(), self._folder))
            crowd = Crowd(stack, people=6)
            await self._exits.enter_async_context(crowd.listening())
            self._found = stack, crowd
        return await run_fault(fault, *self._found, seed=SEED, size=Size(patience=3.0))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The product of this module. Its loop stands still between two tests, so they are no coroutines."""
    with running_servers() as servers, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stage = Stage(servers, runner, tmp_path_factory.mktemp("chaos"))
        try:
            yield stage
        finally:
            stage.close()


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in CATALOGUE if fault.short])
def test_fault(stage: Stage, fault: Fault) -> None:
    verdict = stage.play(fault)
    assert not verdict.violations, f"{fault.name} ({fault.title}), seed {SEED}: {verdict.violations}"
    assert verdict.messages > 0
