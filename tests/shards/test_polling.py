"""How polling begins: one bot after the other, however many are gained at once."""

from shards.polling import APART, Poller


class _Clock:
    def __init__(self) -> None:
        self.time = 10.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


async def test_bots_that_are_gained_together_begin_one_after_the_other() -> None:
    clock = _Clock()
    poller = Poller(None, None, clock)  # type: ignore[arg-type]  # none of them is reached
    for _ in range(4):
        await poller._wait_in_line()
    assert [round(seconds / APART) for seconds in clock.waited] == [1, 2, 3]  # the first one begins at once
    clock.time += 60
    await poller._wait_in_line()
    assert len(clock.waited) == 3
