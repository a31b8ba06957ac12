"""Scripted misfortune: the next N calls of a method go wrong in a chosen way."""

import itertools
from dataclasses import asdict, dataclass, field
from typing import Any

ACTIONS = frozenset({"429", "500", "502", "504", "error", "hang", "close", "delay"})


@dataclass
class Fault:
    """One script.

    `method` "*" means any, `bot_id` and `chat_id` 0 mean any. `action`: 429 (with `retry_after`), 500 (JSON),
    502 and 504 (HTML), error (`code`, `description`), hang (no answer for `seconds`, then the connection closes),
    close (without an answer), delay (a good answer, `seconds` late).
    `after` lets the call take effect first, so that only its answer is lost.
    """

    method: str
    action: str
    times: int = 1
    bot_id: int = 0
    chat_id: int = 0
    after: bool = False
    retry_after: int = 5
    code: int = 400
    description: str = ""
    seconds: float = 60.0
    id: int = field(default_factory=itertools.count(1).__next__)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}; one of {', '.join(sorted(ACTIONS))}")


class Faults:
    """The scripts that have calls left."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Script a fault; the first that fits a call is used."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all scripts."""
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The scripts with their remaining `times`."""
        return [asdict(fault) for fault in self._faults]

    def take(self, bot_id: int, method: str, chat_id: int) -> Fault | None:
        """The fault for this call, one use of it spent."""
        for fault in self._faults:
            if fault.method != "*" and fault.method.lower() != method.lower():
                continue
            if fault.bot_id not in (0, bot_id) or fault.chat_id not in (0, chat_id):
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
            return fault
        return None
