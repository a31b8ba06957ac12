"""A shard and all of them, as people and tools see them."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

MAX_SHARDS = 64  # on one host

State = Literal["live", "draining", "stalled", "dead"]


@dataclass(frozen=True, slots=True)
class Shard:
    """One member.

    state         live; draining (hands over and leaves); stalled (no renewal for 6 s); dead (its lease is over)
    uptime        seconds since it joined                   renewed   seconds since it last renewed its lease
    lag           seconds that its oldest unanswered row has waited
    loop_delay    the longest that its event loop was late between two renewals, in milliseconds
    updates, sends  a second, over the last renewals
    """

    id: str
    program: str
    host: str
    pid: int
    state: State
    uptime: float
    renewed: float
    slots: int
    max_epoch: int
    bots: int
    conversations: int
    updates: float
    sends: float
    lag: float
    loop_delay: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """All shards. `free`: slots without a live owner; `free_lag`: seconds that the oldest row in those has waited.
    `wishes`: shards by host as `replyx shards scale` set them, '' for the hosts not named."""

    shards: tuple[Shard, ...]
    free: int
    free_lag: float
    wishes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def on(self, host: str) -> tuple[Shard, ...]:
        """The live shards of a host."""
        return tuple(shard for shard in self.shards if shard.host == host and shard.state == "live")
