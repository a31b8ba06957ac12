"""Rate limits with exact sliding windows, and what a 429 teaches. Pure: time is given.

A token bucket of burst B and rate R lets B + R through in one second; Telegram counts any second. So each limit is a
log of the last N sends: one more is allowed when the oldest of them is a period away.

What is counted is the write to the socket. The process may stand still between a look at its clock and the write, and
between the write and the next look, so a send is entered with the time *after* its write and admitted by the time
*before* it: two writes are never closer than their entries say. Until it is written it counts as one that comes next.
"""

from bisect import insort
from collections.abc import Iterable
from typing import NamedTuple

JITTER = 0.01  # seconds added to each period: two requests do not take the same time on their way to Telegram

SPARE_IN_GROUP = 10  # sends of a group's minute above which nothing ephemeral is shown there
SPARED = 2  # replies a second that find their place between a broadcast's sends, without any being kept free


class Rule(NamedTuple):
    """At most `limit` sends in any `period` seconds."""

    limit: int
    period: float


# Telegram's limits for one chat: about 1/s with a short burst in private, 20 a minute in a group.
PRIVATE = (Rule(3, 3.0 + JITTER),)
GROUP = (Rule(1, 1.0 + JITTER), Rule(20, 60.0 + JITTER))


def chat_rules(chat_id: int) -> tuple[Rule, ...]:
    """What holds in a chat; groups and channels have negative ids."""
    return GROUP if chat_id < 0 else PRIVATE


class Window:
    """The sends that its rules still need: one log of times for all of them. `writing` are admitted and not written."""

    __slots__ = ("_times", "rules", "writing")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self._times: list[float] = []
        self.writing = 0

    def ready_at(self, now: float, *, ahead: int = 0) -> float:
        """When a send is allowed that `ahead` others, not counted yet, go before: `now`, or later."""
        times, ready = self._times, now
        ahead += self.writing
        for limit, period in self.rules:
            index = len(times) - limit + ahead
            if index < 0:
                continue
            # With as many ahead as fit, the first of those is the one that has to be a period away.
            ready = max(ready, (times[index] if index < len(times) else now) + period)
        return ready

    def take(self, now: float) -> None:
        """Enter a send; one that is recalled may be older than what was entered since."""
        times = self._times
        if times and now < times[-1]:
            insort(times, now)
        else:
            times.append(now)
        self._expire(times[-1])

    def idle(self, now: float) -> bool:
        """Whether nothing is remembered."""
        self._expire(now)
        return not (self._times or self.writing)

    def count(self, now: float) -> int:
        """Sends in the last (longest) period."""
        self._expire(now)
        return len(self._times) + self.writing

    def _expire(self, now: float) -> None:
        times = self._times
        gone, edge = 0, now - self.rules[-1].period
        while gone < len(times) and times[gone] <= edge:
            gone += 1
        if gone:
            del times[:gone]


class BotLimits:
    """The windows of one bot and of its chats that were written to lately; holds; the probe.

    Replies may use the bot's whole window. A broadcast's sends are spread evenly over it, so that the next place is
    never far, and leave as many places free as replies beyond SPARED were sent in the last second.

    A 429 names no limit: its chat is held, and one send to another chat probes whether the bot may go on. Until that
    is answered nothing else is sent; if it is refused too, the whole bot is held. A group that refuses a probe may do
    so for reasons of its own: then groups are held, and a private chat may still probe.
    """

    __slots__ = (
        "_bulk_at",
        "_probe",
        "_replies",
        "bot",
        "chats",
        "groups_held_until",
        "held_until",
        "holds",
        "probing",
        "rate",
    )

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.bot = Window((Rule(rate, 1.0 + JITTER),))
        self._replies = Window((Rule(rate, 1.0),))
        self.chats: dict[int, Window] = {}
        self.holds: dict[int, float] = {}
        self.held_until = self.groups_held_until = 0.0
        self._bulk_at = 0.0
        self.probing = False  # since a 429: one at a time
        self._probe: int | None = None  # the chat whose answer is waited for

    def set_rate(self, rate: int) -> None:
        """The tenant changed it."""
        if rate != self.rate:
            self.rate = rate
            self.bot.rules = (Rule(rate, 1.0 + JITTER),)

    def bot_ready_at(self, now: float, *, ahead: int = 0, bulk: bool = False) -> float:
        """When the bot may send, with `ahead` sends under way that are not counted yet; inf: not before an answer."""
        if self.probing and (ahead or self._probe is not None):
            return float("inf")
        ready = max(self.bot.ready_at(now, ahead=ahead), self.held_until)
        if bulk:
            kept = min(self.rate // 3, max(0, self._replies.count(now) - SPARED))
            ready = max(ready, self.bot.ready_at(now, ahead=ahead + kept), self._next_bulk(now) + ahead / self.rate)
        return ready

    def chat_ready_at(self, chat_id: int, now: float) -> float:
        """When the chat alone would allow it."""
        window = self.chats.get(chat_id)
        ready = window.ready_at(now) if window is not None else now
        if chat_id < 0 and self.groups_held_until > ready:
            ready = self.groups_held_until
        return max(ready, self.holds[chat_id]) if chat_id in self.holds else ready

    def ready_at(self, chat_id: int, now: float) -> float:
        """When a send to this chat is allowed."""
        return max(self.bot_ready_at(now), self.chat_ready_at(chat_id, now))

    def admit(self, chat_id: int, now: float, *, bulk: bool = False) -> None:
        """Count a send that is written next; tell `written` when it was."""
        self._begin(chat_id)
        if bulk:
            self._bulk_at = self._next_bulk(now) + 1 / self.rate
        else:
            self._replies.take(now)
        if self.probing:
            self._probe = chat_id

    def admit_spare(self, chat_id: int, now: float, *, shown: bool) -> bool:
        """Count an ephemeral send, if it has room; tell `written` when it was."""
        if not self.has_spare(chat_id, now, shown=shown):
            return False
        self._begin(chat_id if shown else None)
        return True

    def has_spare(self, chat_id: int, now: float, *, shown: bool) -> bool:
        """Whether an ephemeral send would delay no real one: a third of the bot's window stays free, and (`shown`: it
        counts in the chat, as a draft does) a place in the chat's, in a group half of its minute."""
        if self.probing or self.bot_ready_at(now) > now or self.bot.count(now) * 3 > self.rate * 2:
            return False
        if not shown:
            return True
        window = self.chats.get(chat_id)
        if window is None or self.chat_ready_at(chat_id, now) > now:
            return self.chat_ready_at(chat_id, now) <= now
        return window.count(now) < SPARE_IN_GROUP if chat_id < 0 else window.ready_at(now, ahead=1) <= now

    def written(self, chat_id: int | None, now: float) -> None:
        """What was admitted is on the socket since `now` at the latest. `chat_id` None: it does not count there."""
        self.bot.writing -= 1
        self.bot.take(now)
        if chat_id is not None:
            window = self.chats[chat_id]
            window.writing -= 1
            window.take(now)

    def hold(self, chat_id: int, until: float) -> None:
        """Quiet in this chat; a hold is never shortened."""
        self.holds[chat_id] = max(until, self.holds.get(chat_id, 0.0))

    def flooded(self, chat_id: int, until: float) -> None:
        """A 429: quiet in this chat, and in others too if it was the probe. The next send is a probe."""
        self.hold(chat_id, until)
        if self._probe == chat_id:
            self._probe = None
            if chat_id < 0:
                self.groups_held_until = max(self.groups_held_until, until)
            else:
                self.held_until = max(self.held_until, until)
        self.probing = True

    def answered(self, chat_id: int) -> bool:
        """Any other end of a send; True if that of the probe: the bot may go on."""
        if self._probe != chat_id:
            return False
        self._probe = None
        self.probing = False
        self.groups_held_until = 0.0
        return True

    def suspect(self) -> None:
        """The last owner had met a 429, and maybe of the whole bot: begin with a probe."""
        self.probing = True

    def recall(self, sends: Iterable[tuple[int, float]], now: float) -> None:
        """Rebuild from (chat, age in seconds) of the last minute's sends, after a slot moved here."""
        for chat_id, age in sorted(sends, key=lambda send: -send[1]):
            self.bot.take(now - age)
            self._window(chat_id).take(now - age)

    def evict(self, now: float) -> None:
        """Forget chats that are idle."""
        self.holds = {chat: until for chat, until in self.holds.items() if until > now}
        self.chats = {chat: window for chat, window in self.chats.items() if not window.idle(now)}

    def idle(self, now: float) -> bool:
        """Whether nothing here would be missed."""
        held = self.held_until > now or self.groups_held_until > now
        return not (self.chats or self.holds or self.probing or held or self.bot.count(now))

    def _next_bulk(self, now: float) -> float:
        """When the broadcast's next send is due; up to three late ones are caught up with."""
        return max(self._bulk_at, now - 3 / self.rate)

    def _begin(self, chat_id: int | None) -> None:
        self.bot.writing += 1
        if chat_id is not None:
            self._window(chat_id).writing += 1

    def _window(self, chat_id: int) -> Window:
        window = self.chats.get(chat_id)
        if window is None:
            window = self.chats[chat_id] = Window(chat_rules(chat_id))
        return window
