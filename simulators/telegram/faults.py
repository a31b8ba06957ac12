"""Scripted misfortune: the next N calls of a method go wrong in a chosen way."""

import itertools
import random
from dataclasses import asdict, dataclass, field
from typing import Any

ACTIONS = frozenset(
    {"429", "500", "502", "504", "error", "hang", "close", "delay", "reset", "slow_body", "slow_accept", "core"}
)


@dataclass
class Fault:
    """One script.

    `method` "*" means any, `bot_id` and `chat_id` 0 mean any, `contains` is looked for in the text. `action`: 429 (with
    `retry_after`), 500 (JSON), 502 and 504 (HTML), error (`code`, `description`, `parameters`), core
    (`code` and `description` of Telegram's core, put into the server's words), hang (no answer for
    `seconds`, then the connection closes), close (without an answer), reset (part of an answer, then RST), delay (a
    good answer, `seconds` late), slow_body (a good answer whose body takes `seconds`), slow_accept (new connections
    are read only after `seconds`; of no bot or method).
    `after` lets the call take effect first, so that only its answer is lost. `times` 0 means until it is cleared;
    `chance` is the share of fitting calls that are hit.
    """

    method: str = "*"
    action: str = "error"
    times: int = 1
    bot_id: int = 0
    chat_id: int = 0
    contains: str = ""
    chance: float = 1.0
    after: bool = False
    retry_after: int = 5
    code: int = 400
    description: str = ""
    parameters: dict[str, Any] | None = None
    seconds: float = 60.0
    used: int = 0
    id: int = field(default_factory=itertools.count(1).__next__)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}; one of {', '.join(sorted(ACTIONS))}")

    @property
    def keeps_answer(self) -> bool:
        """Whether the call runs and its own answer is sent, only late or slowly."""
        return self.action in {"delay", "slow_body"}

    def fits(self, bot_id: int, method: str, chat_id: int, text: str) -> bool:
        """Whether a call is one that this script is for."""
        return (
            self.action != "slow_accept"
            and self.method.lower() in ("*", method.lower())
            and self.bot_id in (0, bot_id)
            and self.chat_id in (0, chat_id)
            and self.contains in text
        )


class Faults:
    """The scripts that have calls left."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Script a fault; the first that fits a call is used."""
        self._faults.append(fault)
        return fault

    def clear(self, fault_id: int = 0) -> None:
        """Forget all scripts, or one."""
        self._faults = [fault for fault in self._faults if fault_id not in (0, fault.id)]

    def listed(self) -> list[dict[str, Any]]:
        """The scripts with their remaining `times` and how often each was `used`."""
        return [asdict(fault) for fault in self._faults]

    def take(self, bot_id: int, method: str, chat_id: int, text: str = "") -> Fault | None:
        """The fault for this call, one use of it spent."""
        for fault in self._faults:
            if fault.fits(bot_id, method, chat_id, text) and self._hits(fault):
                return self._spend(fault)
        return None

    def accept_delay(self) -> float:
        """Seconds for which a new connection is left unread."""
        for fault in self._faults:
            if fault.action == "slow_accept" and self._hits(fault):
                return self._spend(fault).seconds
        return 0.0

    def _hits(self, fault: Fault) -> bool:
        return fault.chance >= 1.0 or self._rng.random() < fault.chance

    def _spend(self, fault: Fault) -> Fault:
        fault.used += 1
        if fault.times:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return fault
