"""JSON fields with their types made sure. Pure."""

from typing import Any


def identifier(value: Any) -> int:
    """An id as Postgres stores it: 64 bits. Raises ValueError, TypeError, OverflowError."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} is not an id")
    return number


def word(value: Any) -> str | None:
    """A text that may be missing. Raises TypeError."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]} is not text")
    return clean(value)


def clean(text: str) -> str:
    """Postgres stores no NUL; everything else is the customer's own."""
    return text.replace("\x00", "")


def part(value: Any) -> dict[str, Any]:
    """A part that matters only if it has the right shape: a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The same for a list."""
    return value if isinstance(value, list) else []


def loose(value: Any, limit: int = 500) -> str:
    """A text that is only shown: "" if it is none."""
    return clean(value)[:limit] if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    """A size, a duration: None if it is no number that makes sense."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def name_of(person: dict[str, Any]) -> str:
    """A user's or a chat's name. Raises TypeError."""
    parts = (person.get("first_name"), person.get("last_name"))
    return clean(" ".join(part for part in parts if part) or person.get("title") or person.get("username") or "")
