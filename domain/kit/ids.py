"""Identifiers: uuid version 7 (RFC 9562), which sort by creation time and so keep indexes dense."""

import os
import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new version 7 uuid: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def token(prefix: str, size: int = 24) -> str:
    """A random url-safe token of `size` bytes behind a prefix that secret scanners can recognise."""
    return f"{prefix}_{secrets.token_urlsafe(size)}"
