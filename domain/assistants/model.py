"""An assistant as the rest of the system sees it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who answers. `language` is "auto" (the customer's) or a code; `greeting` and `suggestions` are keyed by code.

    `mode` "echo" repeats the question without any model: for load tests and for checking a channel.
    """

    tenant_id: UUID
    id: UUID
    name: str
    instructions: str
    model: str | None
    temperature: float
    language: str
    mode: Literal["answer", "echo"]
    greeting: dict[str, str] = field(default_factory=dict)
    suggestions: dict[str, list[str]] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
