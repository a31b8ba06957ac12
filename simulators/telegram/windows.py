"""Sliding windows over the history of sends: how close bots and chats came to their limits."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from simulators.telegram.call_log import Send

_EPSILON = 1e-9


@dataclass
class Worst:
    """The fullest window of a scope. `over`: how many sends stood in a window that held more than `limit`."""

    limit: int
    seconds: float
    count: int = 0
    bot_id: int = 0
    chat_id: int = 0
    at: float = 0.0
    over: int = 0


def fullest(sends: Iterable[Send], *, scope: str, limit: int, seconds: float) -> Worst:
    """The fullest window of `seconds`, over all bots (scope "bot"), private chats ("private") or groups ("group").

    A window is half open: two sends exactly `seconds` apart do not share one.
    """
    worst = Worst(limit, seconds)
    times: dict[tuple[int, int], deque[float]] = defaultdict(deque)
    for send in sorted(sends, key=lambda found: found.arrived):
        if scope != "bot" and (send.chat_id < 0) != (scope == "group"):
            continue
        key = (send.bot_id, 0 if scope == "bot" else send.chat_id)
        window = times[key]
        window.append(send.arrived)
        while window[0] <= send.arrived - seconds + _EPSILON:
            window.popleft()
        worst.over += len(window) > limit
        if len(window) > worst.count:
            worst.count, worst.at = len(window), window[0]
            worst.bot_id, worst.chat_id = key
    return worst


def summary(sends: list[Send], *, bot_limit: int, private_limit: int, group_limit: int) -> dict[str, Any]:
    """Counts by status and outcome, the span of time, sends per bot, and the fullest window of each scope."""
    statuses: dict[str, int] = defaultdict(int)
    outcomes: dict[str, int] = defaultdict(int)
    bots: dict[str, int] = defaultdict(int)
    for send in sends:
        statuses[str(send.status)] += 1
        outcomes[send.outcome] += 1
        bots[str(send.bot_id)] += 1
    return {
        "count": len(sends),
        "first": min((send.arrived for send in sends), default=0.0),
        "last": max((send.arrived for send in sends), default=0.0),
        "statuses": statuses,
        "outcomes": outcomes,
        "bots": bots,
        "windows": {
            "bot": asdict(fullest(sends, scope="bot", limit=bot_limit, seconds=1.0)),
            "private": asdict(fullest(sends, scope="private", limit=private_limit, seconds=1.0)),
            "group": asdict(fullest(sends, scope="group", limit=group_limit, seconds=60.0)),
        },
    }
