"""Pure decisions about members and processes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shards.supervisor.queries import Member
from shards.supervisor.rpc import ProcessInfo

STALLED_AFTER = 6.0  # seconds without a renewal: three were missed, and the lease has not ended yet
STALLED_LOOKS = 3  # one look is not enough: after a pause of Postgres, everybody is late at once
LAG_BOUND = 2.0  # seconds that an event loop may be late
LAG_RENEWALS = 5  # renewals in a row with a loop later than that: it is not a moment's work
KILL_PAUSE = 15.0  # seconds between two kills: the others take the slots, and it comes back, before the next

Incarnation = tuple[str, int]  # program, pid


@dataclass(frozen=True)
class Verdict:
    """A shard to kill, and why."""

    member: Member
    reason: str


@dataclass
class Record:
    """What was seen so far. Only an incarnation that supervisord itself showed us is ours to judge: another supervisord
    on this host, or another container with our host name, may have a shard-00 too."""

    seen: set[Incarnation] = field(default_factory=set)
    running: set[Incarnation] = field(default_factory=set)
    ended: set[Incarnation] = field(default_factory=set)  # supervisord may not have noticed yet
    late: dict[Incarnation, int] = field(default_factory=dict)
    lagging: dict[Incarnation, tuple[float, int]] = field(default_factory=dict)  # its last renewal, and how many
    killed_at: float | None = None

    def note_processes(self, shards: Iterable[ProcessInfo]) -> None:
        """Remember which incarnations of the shards run now."""
        shown = {(process.name, process.pid) for process in shards if process.pid}
        self.ended &= shown
        self.running = shown - self.ended
        self.seen |= shown

    def note_death(self, pid: int) -> None:
        """The kernel said that this process ended."""
        ended = {incarnation for incarnation in self.running if incarnation[1] == pid}
        self.ended |= ended
        self.running -= ended

    def dead(self, members: Iterable[Member]) -> list[Member]:
        """Members whose lease still runs although their process, which was ours, does not."""
        gone = self.seen - self.running
        return [member for member in members if member.live and (member.program, member.pid) in gone]

    def doubt(self) -> None:
        """Postgres was away or slow: whoever seems late may have waited for it like us. Counting begins anew."""
        self.late.clear()
        self.lagging.clear()

    def stalled(self, members: Iterable[Member], now: float) -> Verdict | None:
        """The worst shard whose process runs and does not work; one at a time, `now` in monotonic seconds."""
        ours = {key: member for member in members if (key := (member.program, member.pid)) in self.running}
        self._count(ours)
        if self.killed_at is not None and now - self.killed_at < KILL_PAUSE:
            return None
        verdicts = [
            *(
                Verdict(ours[key], f"it has not renewed its lease for {ours[key].age:.1f} s")
                for key, looks in self.late.items()
                if looks >= STALLED_LOOKS
            ),
            *(
                Verdict(ours[key], f"its event loop was {ours[key].loop_lag:.1f} s late, {LAG_RENEWALS} times in a row")
                for key, (_, times) in self.lagging.items()
                if times >= LAG_RENEWALS
            ),
        ]
        if not verdicts:
            return None
        self.killed_at = now
        return max(verdicts, key=lambda verdict: verdict.member.age)

    def forget(self, members: Iterable[Member]) -> None:
        """Drop incarnations that neither run nor have a live member."""
        live = {(member.program, member.pid) for member in members if member.live}
        self.seen &= self.running | live

    def _count(self, ours: dict[Incarnation, Member]) -> None:
        self.late = {key: self.late.get(key, 0) + 1 for key, member in ours.items() if member.age > STALLED_AFTER}
        lagging = {}
        for key, member in ours.items():
            seen, times = self.lagging.get(key, (0.0, 0))
            if member.loop_lag > LAG_BOUND:
                lagging[key] = (member.renewals, times + (member.renewals != seen))
        self.lagging = lagging
