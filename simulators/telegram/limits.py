"""Flood control as Telegram does it: small floods are held, bigger ones get 429, and ignoring a 429 makes it longer.

Budgets: messages of one bot per second, of one private chat (a burst, then one a second), of one group per minute;
edits spend from the same budgets. Previews and chat actions have their own, wider one. A call that has to wait is
held while the sum of its waits stays within `hold_seconds`; else it is refused with the last wait, and whatever asked
for that wait (the chat or the whole bot) stays closed for so long.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulators.telegram.clock import Clock
from simulators.telegram.errors import ApiError, too_many_requests
from simulators.telegram.model import Bot
from simulators.telegram.pacing import Bucket, Budget, Window
from simulators.telegram.waiting import Waits

BUDGETS_KEPT = 200_000
PAID_PRICE = 0.1
PAID_BALANCE = 10_000
LONGEST_HOLD = 86_400.0

BudgetKey = tuple[str, int, int]


@dataclass(frozen=True)
class LimitSettings:
    """Rates. `private_burst` messages may come at once in a private chat, then one every `private_interval` seconds.

    `ignored_penalty`: seconds added to a 429's wait by every call that ignores it.
    """

    enabled: bool = True
    bot_per_second: int = 30
    paid_per_second: int = 1_000
    private_burst: int = 5
    private_interval: float = 1.0
    group_per_minute: int = 20
    preview_per_second: int = 5
    hold_seconds: float = 8.0
    action_hold_seconds: float = 2.0
    ignored_penalty: float = 1.0
    unsent_per_chat: int = 310


class Limits:
    """The budgets of all bots and chats; the least recently used are forgotten."""

    def __init__(self, clock: Clock, waits: Waits, settings: LimitSettings) -> None:
        self._clock = clock
        self._waits = waits
        self.settings = settings
        self._budgets: OrderedDict[BudgetKey, Budget] = OrderedDict()
        self._holds: dict[BudgetKey, float] = {}
        self._unsent: dict[tuple[int, int], int] = {}

    def change(self, **fields: Any) -> LimitSettings:
        """Change settings by name; all budgets and holds start anew. TypeError for an unknown name."""
        self.settings = replace(self.settings, **fields)
        self._budgets.clear()
        self._holds.clear()
        return self.settings

    def hold(self, bot_id: int, chat_id: int, seconds: float) -> None:
        """Refuse everything the bot sends to the chat (0: to any chat) for `seconds`; 0 lets go."""
        key = ("chat", bot_id, chat_id) if chat_id else ("bot", bot_id, 0)
        self._holds.pop(key, None)
        if seconds > 0:
            self._holds[key] = self._clock.now() + seconds

    def held(self) -> list[dict[str, Any]]:
        """What is closed at the moment, with the seconds left."""
        now = self._clock.now()
        return [
            {"scope": scope, "bot_id": bot_id, "chat_id": chat_id, "seconds": until - now}
            for (scope, bot_id, chat_id), until in self._holds.items()
            if until > now
        ]

    def unsent(self, bot_id: int, chat_id: int) -> int:
        """How many calls to the chat are being held."""
        return self._unsent.get((bot_id, chat_id), 0)

    async def spend(self, bot: Bot, chat_id: int, kind: str = "message", *, paid: bool = False) -> None:
        """Take one event from every budget that applies, waiting as the server would. ApiError 429 when it refuses.

        `kind`: message (and edits), preview or action. `paid`: allow_paid_broadcast.
        """
        if not self.settings.enabled and not self._holds:
            return
        key = (bot.id, chat_id)
        if self._unsent.get(key, 0) >= self.settings.unsent_per_chat:
            await self._waits.sleep(3.0)
            raise too_many_requests(60)
        self._unsent[key] = self._unsent.get(key, 0) + 1
        try:
            self._check_holds(bot.id, chat_id, kind)
            if self.settings.enabled:
                await self._wait_and_take(bot, chat_id, kind, paid=paid and bot.stars >= PAID_BALANCE)
        finally:
            self._unsent[key] -= 1
            if not self._unsent[key]:
                del self._unsent[key]

    def _check_holds(self, bot_id: int, chat_id: int, kind: str) -> None:
        """Refuse a call that ignores an earlier 429, and make the wait longer. Sends in flight then count as well."""
        if not self._holds:
            return
        now = self._clock.now()
        own = "chat" if kind == "message" else kind
        for key in ((own, bot_id, chat_id), ("bot", bot_id, 0)):
            until = self._holds.get(key)
            if until is None:
                continue
            if until <= now:
                del self._holds[key]
                continue
            until = min(until + self.settings.ignored_penalty, now + LONGEST_HOLD)
            self._holds[key] = until
            raise too_many_requests(math.ceil(until - now))

    async def _wait_and_take(self, bot: Bot, chat_id: int, kind: str, *, paid: bool) -> None:
        allowance = self.settings.action_hold_seconds if kind == "action" else self.settings.hold_seconds
        held = 0
        while True:
            now = self._clock.now()
            budgets = self._budgets_for(bot, chat_id, kind, paid=paid)
            longest, key = max((budget.wait(now), key) for key, budget in budgets.items())
            wait = math.ceil(longest - 1e-9)
            if wait <= 0:
                break
            held += wait
            if held > allowance:
                raise self._refused(key, wait)
            await self._waits.sleep(wait)
            self._check_holds(bot.id, chat_id, kind)
        for (scope, _, _), budget in budgets.items():
            budget.take(now)
            if scope == "paid":
                bot.stars -= PAID_PRICE

    def _refused(self, key: BudgetKey, wait: int) -> ApiError:
        self._holds[key] = self._clock.now() + wait
        return too_many_requests(wait)

    def _budgets_for(self, bot: Bot, chat_id: int, kind: str, *, paid: bool) -> dict[BudgetKey, Budget]:
        settings = self.settings
        if kind in {"preview", "action"}:
            return self._found((kind, bot.id, chat_id), lambda: Window(settings.preview_per_second, 1.0))
        everyone = self._found(("bot", bot.id, 0), lambda: Window(settings.bot_per_second, 1.0))
        if paid and everyone["bot", bot.id, 0].wait(self._clock.now()) > 0:  # beyond the free rate
            everyone = self._found(("paid", bot.id, 0), lambda: Window(settings.paid_per_second, 1.0))
        return everyone | self._found(("chat", bot.id, chat_id), lambda: self._fresh(chat_id))

    def _fresh(self, chat_id: int) -> Budget:
        settings = self.settings
        if chat_id < 0:
            return Window(settings.group_per_minute, 60.0)
        return Bucket(settings.private_burst, settings.private_interval)

    def _found(self, key: BudgetKey, fresh: Callable[[], Budget]) -> dict[BudgetKey, Budget]:
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = fresh()
            while len(self._budgets) > BUDGETS_KEPT:
                self._budgets.popitem(last=False)
        else:
            self._budgets.move_to_end(key)
        return {key: budget}
