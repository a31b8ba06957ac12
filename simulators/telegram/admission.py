"""What the server itself refuses, before Telegram's own limits: too many new bots, requests or unsent files at once."""

import ipaddress
import random
from collections import OrderedDict

from simulators.telegram.clock import Clock
from simulators.telegram.errors import too_many_requests
from simulators.telegram.model import Bot
from simulators.telegram.pacing import Window
from simulators.telegram.waiting import Waits

NEW_BOTS = ((20, 60.0), (600, 3600.0))
ACTIVE_REQUESTS = 1_000
OVERLOAD_DELAY = 3.0
OVERLOAD_RETRY_AFTER = 60
BIG_FILE = 100_000
FILE_BACKLOG = 5.0
MIN_RUN_BEFORE_CLOSE = 600.0
ADDRESSES_KEPT = 1_000


class Admission:
    """The server's own limits, over all bots."""

    def __init__(self, clock: Clock, waits: Waits, rng: random.Random) -> None:
        self._clock = clock
        self._waits = waits
        self._rng = rng
        self._loads: OrderedDict[str, tuple[Window, ...]] = OrderedDict()

    def load(self, bot: Bot, address: str, *, forwarded: bool) -> None:
        """The first request of a bot: 20 new bots a minute and 600 an hour from one public address.

        A private peer is not limited unless a proxy forwarded somebody else's request.
        """
        if bot.loaded_at:
            return
        now = self._clock.now()
        if forwarded or _is_public(address):
            windows = self._loads.setdefault(address, tuple(Window(*limit) for limit in NEW_BOTS))
            self._loads.move_to_end(address)
            while len(self._loads) > ADDRESSES_KEPT:
                self._loads.popitem(last=False)
            wait = max(window.wait(now) for window in windows)
            if wait > 0:
                raise too_many_requests(int(wait) + 1)
            for window in windows:
                window.take(now)
        bot.loaded_at = now

    async def enter(self, bot: Bot) -> None:
        """Refuse a request of a bot that has more than 1000 + its updates of the last minute under way."""
        if bot.active > ACTIVE_REQUESTS + bot.queue.pushed_lately(self._clock.now()):
            await self.overload()

    async def overload(self) -> None:
        """What an overload is answered with: late, and with a long wait."""
        await self._waits.sleep(OVERLOAD_DELAY)
        raise too_many_requests(OVERLOAD_RETRY_AFTER)

    async def space_file(self, bot: Bot, size: int) -> None:
        """Uploads of one size above 100 kB are spaced by 0.2 to 0.9 s; one more than 5 s behind is refused."""
        if size <= BIG_FILE:
            return
        now = self._clock.now()
        due = bot.next_file_at.get(size, 0.0)
        if due > now + FILE_BACKLOG:
            await self.overload()
        bot.next_file_at[size] = max(due, now) + self._rng.uniform(0.2, 0.9)
        for old in [other for other, at in bot.next_file_at.items() if at < now]:
            del bot.next_file_at[old]
        if due > now:
            await self._waits.sleep(due - now)

    def check_close(self, bot: Bot) -> None:
        """`close` is refused in the first ten minutes after the bot was loaded."""
        left = bot.loaded_at + MIN_RUN_BEFORE_CLOSE - self._clock.now()
        if left > 0:
            raise too_many_requests(int(left) + (left % 1 > 0))


def _is_public(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_private
    except ValueError:
        return False
