"""Who should own what: rendezvous hashing over live members. Pure.

Members are weighed by their stable name (host and program), so a restarted shard gets its old slots back and nobody
else's move; from 4 to 5 members about a fifth of the slots move.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

from domain.kit.slots import SLOTS


def desired_slots(member: str, members: Iterable[str]) -> frozenset[int]:
    """The slots `member` should own while `members` (stable names, it among them) are alive."""
    ordered = tuple(sorted(set(members)))
    return frozenset(slot for slot, owner in enumerate(_owners(ordered)) if owner == member)


@lru_cache(maxsize=8)
def _owners(members: Sequence[str]) -> tuple[str, ...]:
    return tuple(max(members, key=lambda member: _weight(member, slot)) for slot in range(SLOTS)) if members else ()


def _weight(member: str, slot: int) -> bytes:
    return blake2b(f"{member}|{slot}".encode(), digest_size=8).digest()
