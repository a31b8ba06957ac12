"""Who should own what: rendezvous hashing over live members; and who only seems to be alive. Pure.

Members are weighed by their stable name (host and program), so a restarted shard gets its old slots back and nobody
else's move; from 4 to 5 members about a fifth of the slots move.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol, TypeVar

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


M = TypeVar("M", bound="Sighted")


class Sighted(Protocol):
    """A member as it was read: every renewal changes `expires_at`."""

    @property
    def id(self) -> str:
        """Who."""
        ...

    @property
    def expires_at(self) -> datetime:
        """Its lease, by the database's clock."""
        ...


class Sightings:
    """Members whose lease did not change for as long as a lease lasts, by our own monotonic clock.

    Only matters when the database's clock was set back: the lease of a member that died before it would end in an
    hour. Nobody who is alive can be among them: it would have renewed, or gone silent by its own clock.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._seen: dict[str, tuple[datetime, float]] = {}

    def unchanged(self, members: Sequence[M], now: float) -> list[M]:
        """Those of `members`, read at `now` (monotonic seconds), that have been as they are for too long."""
        seen = {member.id: (member.expires_at, now) for member in members}
        for key, (expires_at, since) in self._seen.items():
            if key in seen and seen[key][0] == expires_at:
                seen[key] = (expires_at, since)
        self._seen = seen
        return [member for member in members if now - seen[member.id][1] > self._ttl]
