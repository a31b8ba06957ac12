"""A request for a person, and where a dialog stands between assistant and people."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class State(StrEnum):
    """Who has a dialog. All but RESOLVED are also the `mode` of the dialog; after RESOLVED it is AI again."""

    AI = "ai"
    REQUESTED = "requested"  # a person was asked for; the assistant still helps
    ASSIGNED = "assigned"  # a person was chosen and has not written yet
    ACTIVE = "active"  # a person answers; the assistant is silent
    RESOLVED = "resolved"


class Event(StrEnum):
    """What can happen to it."""

    REQUEST = "request"  # the customer, the assistant or a failure asks for a person
    ASSIGN = "assign"  # the queue or an operator chooses who
    RELEASE = "release"  # back to the queue
    TAKE_OVER = "take_over"  # an operator writes
    RESOLVE = "resolve"
    RETURN = "return"  # the assistant has it again


@dataclass(frozen=True, slots=True)
class HandoffRequest:
    """A request to open. `reason`: asked | unknown | model_failed; `summary` is for the operator's queue."""

    tenant_id: UUID
    dialog_id: UUID
    reason: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A request as stored. `state`: requested | active | resolved."""

    tenant_id: UUID
    id: UUID
    dialog_id: UUID
    reason: str
    summary: str
    state: str
    created_at: datetime
    resolved_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """The shape of the API."""
        return {
            "id": str(self.id),
            "dialog_id": str(self.dialog_id),
            "reason": self.reason,
            "summary": self.summary,
            "state": self.state,
            "created_at": self.created_at.isoformat().replace("+00:00", "Z"),
        }
