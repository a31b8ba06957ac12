"""The work-slot function: fixed for life, because rows carry its result.

A slot is a unit of ownership, not of storage: where a tenant's data lives is another hash (DESIGN section 6).
"""

from uuid import UUID
from zlib import crc32

SLOTS = 1024


def slot_of_bot(bot_id: int) -> int:
    """The slot of a Telegram bot: one sender per bot, because its token bucket needs one."""
    return crc32(bot_id.to_bytes(8, "big")) % SLOTS


def slot_of(key: UUID) -> int:
    """The slot of a web dialog (so that one busy site is spread over shards) or of a tenant's jobs."""
    return crc32(key.bytes) % SLOTS
