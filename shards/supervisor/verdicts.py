"""Pure decisions about members and processes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shards.supervisor.queries import Member
from shards.supervisor.rpc import ProcessInfo

LEASE_SECONDS = 10  # DESIGN 3: a member that has not been renewed for this long has lost its slots
STALLED_LOOKS = 3  # one look is not enough: after a pause of Postgres, everybody is late at once

Incarnation = tuple[str, int]  # program, pid


@dataclass
class Record:
    """What was seen so far. Only an incarnation that supervisord itself showed us is ours to judge: another supervisord
    on this host, or another container with our host name, may have a shard-00 too."""

    seen: set[Incarnation] = field(default_factory=set)
    running: set[Incarnation] = field(default_factory=set)
    late: dict[Incarnation, int] = field(default_factory=dict)

    def note_processes(self, processes: Iterable[ProcessInfo], programs: Iterable[str]) -> None:
        """Remember which incarnations of our programs run now."""
        names = set(programs)
        self.running = {(process.name, process.pid) for process in processes if process.name in names and process.pid}
        self.seen |= self.running

    def note_death(self, pid: int) -> None:
        """The kernel said that this process ended."""
        self.running = {incarnation for incarnation in self.running if incarnation[1] != pid}

    def dead(self, members: Iterable[Member]) -> list[Member]:
        """Members whose lease still runs although their process, which was ours, does not."""
        gone = self.seen - self.running
        return [member for member in members if member.live and (member.program, member.pid) in gone]

    def stalled(self, members: Iterable[Member]) -> list[Member]:
        """Members whose process runs but has not renewed its lease, look after look."""
        late = {
            (member.program, member.pid): member
            for member in members
            if member.age > LEASE_SECONDS and (member.program, member.pid) in self.running
        }
        self.late = {incarnation: self.late.get(incarnation, 0) + 1 for incarnation in late}
        return [late[incarnation] for incarnation, looks in self.late.items() if looks >= STALLED_LOOKS]

    def forget(self, members: Iterable[Member]) -> None:
        """Drop incarnations that neither run nor have a live member."""
        live = {(member.program, member.pid) for member in members if member.live}
        self.seen &= self.running | live
