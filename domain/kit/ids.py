"""Identifiers: uuid version 7 (RFC 9562), which sort by creation time and so keep indexes dense."""

import os
import secrets
import struct
import time
from uuid import UUID, SafeUUID

_last = 0
_random: list[int] = []


def uuid7() -> UUID:
    """A new version 7 uuid: 48 bits of Unix milliseconds, 12 bits of their fraction, 62 random bits.

    Those of one process are strictly increasing, also within a millisecond and when the clock steps back.
    """
    global _last  # noqa: PLW0603 the last time given out is the process's
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    _last = moment = max((milliseconds << 12) | (rest << 12) // 1_000_000, _last + 1)
    value = (moment >> 12) << 80 | 0x7 << 76 | (moment & 0xFFF) << 64 | 0x2 << 62 | _random_62()
    # UUID's own constructor checks for three microseconds what is right by construction.
    made = object.__new__(UUID)
    object.__setattr__(made, "int", value)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


def _random_62() -> int:
    """62 bits of the system's randomness, fetched for many at a time."""
    if not _random:
        _random.extend(struct.unpack("64Q", os.urandom(512)))
    return _random.pop() >> 2


def json_id(value: object) -> str:
    """For orjson's `default`: the database driver's UUIDs are a class of their own. Raises TypeError for the rest."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def token(prefix: str, size: int = 24) -> str:
    """A random url-safe token of `size` bytes behind a prefix that secret scanners can recognise."""
    return f"{prefix}_{secrets.token_urlsafe(size)}"
