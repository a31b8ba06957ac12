"""What became of a call. Pure."""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from domain.kit.records import record


@record(frozen=True, slots=True)
class Done:
    """Telegram answered ok; `result` is its JSON (for a file, its bytes)."""

    result: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram answered no: it did not happen. `parameters` may hold retry_after or migrate_to_chat_id."""

    code: int
    description: str
    parameters: dict[str, Any]

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before anything else is sent there, on 429."""
        value = self.parameters.get("retry_after")
        return float(value) if value is not None else None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request never left: it certainly did not happen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes were written and no definite answer came: it may have happened."""

    reason: str


Outcome = Done | Refused | NotSent | Unknown


def read_answer(status: int, body: bytes) -> Outcome:
    """A JSON body is Telegram's own word; anything else came from something in between, so nobody knows."""
    try:
        answer = _parse(body)
        if answer["ok"]:
            return Done(answer["result"])
        return Refused(int(answer["error_code"]), str(answer["description"]), answer.get("parameters") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Unknown(f"HTTP {status} without a Bot API answer")


def _parse(body: bytes) -> Any:
    """orjson refuses half an emoji (a lone surrogate in escapes); one such update must not hide the rest of a batch."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)
