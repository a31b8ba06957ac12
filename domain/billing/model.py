"""Usage of one answer, and its sum over time."""

from dataclasses import dataclass, field
from uuid import UUID

from domain.kit.ids import uuid7
from domain.kit.records import record


@record(frozen=True, slots=True)
class UsageRecord:
    """What the answer `message_id` used. `model`: the provider's name, or extractive | verified | none."""

    tenant_id: UUID
    dialog_id: UUID
    message_id: UUID
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    kind: str = "answer"
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The sum for one kind and model."""

    kind: str
    model: str
    records: int
    prompt_tokens: int
    completion_tokens: int
