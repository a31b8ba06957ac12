"""Frozen dataclasses for the hot path.

`@dataclass(frozen=True)` writes each field through object.__setattr__, three to five times as dear as a plain one, and
an update becomes a dozen records of up to twenty fields: 13 % of a shard's time. `@record(frozen=True, slots=True)` is
the same for the type checker, which refuses assignments, and leaves the refusal out at run time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots):  # noqa: ANN001, ANN201  # what it takes and returns is dataclass's
        """A dataclass that is compared and hashed by its fields."""
        if not (frozen and slots):
            raise TypeError("a record is frozen and has slots")
        return dataclass(slots=True, unsafe_hash=True)


__all__ = ["record"]
