"""Identifiers: uuid version 7 (RFC 9562), which sort by creation time and so keep indexes dense."""

import os
import secrets
import time
from uuid import UUID

_last = 0


def uuid7() -> UUID:
    """A new version 7 uuid: 48 bits of Unix milliseconds, 12 bits of their fraction, 62 random bits.

    Those of one process are strictly increasing, also within a millisecond and when the clock steps back.
    """
    global _last  # noqa: PLW0603 the last time given out is the process's
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    _last = moment = max((milliseconds << 12) | (rest << 12) // 1_000_000, _last + 1)
    return UUID(
        int=(moment >> 12) << 80
        | 0x7 << 76
        | (moment & 0xFFF) << 64
        | 0x2 << 62
        | (int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1))
    )


def token(prefix: str, size: int = 24) -> str:
    """A random url-safe token of `size` bytes behind a prefix that secret scanners can recognise."""
    return f"{prefix}_{secrets.token_urlsafe(size)}"
