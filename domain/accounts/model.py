"""A person."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in. `email` is in lower case; `locale` is a language code of the console."""

    id: UUID
    email: str
    name: str
    locale: str
    created_at: datetime
