"""The shard-supervisor's decisions, on made-up members and processes."""

from dataclasses import replace

from shards.supervisor.programs import Revivals, actions
from shards.supervisor.queries import Member
from shards.supervisor.rpc import ProcessInfo
from shards.supervisor.verdicts import KILL_PAUSE, LAG_RENEWALS, STALLED_LOOKS, Record

FINE = Member("m0", "shard-00", 100, age=0.5, live=True)


def _process(name: str, state: str = "RUNNING", pid: int = 100) -> ProcessInfo:
    return ProcessInfo(name, name, state, pid)


def _record(*pids: int) -> Record:
    record = Record()
    record.note_processes([_process(f"shard-{number:02d}", pid=pid) for number, pid in enumerate(pids)])
    return record


def test_a_loop_that_is_late_at_every_renewal_is_stalled() -> None:
    record = _record(100)
    for renewal in range(1, LAG_RENEWALS):
        for look in range(3):  # several looks see the same renewal
            assert record.stalled([replace(FINE, loop_lag=2.5, renewals=float(renewal))], float(look)) is None
    verdict = record.stalled([replace(FINE, loop_lag=2.5, renewals=99.0)], 10.0)
    assert verdict is not None
    assert verdict.reason == f"its event loop was 2.5 s late, {LAG_RENEWALS} times in a row"


def test_the_dead_stay_dead_while_supervisord_still_shows_them() -> None:
    record = _record(100)
    record.note_death(100)
    record.note_processes([_process("shard-00", pid=100)])  # supervisord has not reaped it yet
    assert record.dead([FINE]) == [FINE]
    record.note_processes([_process("shard-00", pid=200)])
    assert record.dead([FINE, replace(FINE, id="m1", pid=200)]) == [FINE]


def test_one_renewal_in_time_clears_it() -> None:
    record = _record(100)
    for renewal in range(20):
        lag = 0.1 if renewal % (LAG_RENEWALS - 1) == 0 else 2.5
        assert record.stalled([replace(FINE, loop_lag=lag, renewals=float(renewal))], 0.0) is None


def test_after_an_outage_of_postgres_counting_begins_anew() -> None:
    record = _record(100)
    late = replace(FINE, age=7.0)
    for _ in range(STALLED_LOOKS - 1):
        assert record.stalled([late], 0.0) is None
    record.doubt()
    for _ in range(STALLED_LOOKS - 1):
        assert record.stalled([late], 0.0) is None
    assert record.stalled([late], 0.0) is not None


def test_the_worst_goes_first_and_the_next_waits() -> None:
    record = _record(100, 101)
    members = [replace(FINE, age=7.0), Member("m1", "shard-01", 101, age=9.0, live=True)]
    for _ in range(STALLED_LOOKS - 1):
        record.stalled(members, 0.0)
    killed = record.stalled(members, 0.0)
    assert killed is not None
    assert killed.member.program == "shard-01"
    assert record.stalled(members, KILL_PAUSE - 1) is None
    assert record.stalled(members, KILL_PAUSE) is not None


def test_what_brings_supervisord_to_the_wish() -> None:
    processes = [
        _process("shard-00", "STOPPED", 0),  # by ops: it stays so
        _process("shard-02"),
        _process("shard-03", "STOPPING"),
        _process("shard-04", "EXITED", 0),
        _process("shard-supervisor"),
        _process("postgres"),
    ]
    assert actions(processes, ["shard-00", "shard-01"]) == [
        ("add", "shard-01"),
        ("stop", "shard-02"),
        ("remove", "shard-04"),
    ]


def test_a_shard_that_fails_is_started_again_with_longer_pauses() -> None:
    revivals = Revivals()
    failing = [_process("shard-00", "BACKOFF", 0), _process("shard-01", "STOPPED", 0)]
    started = [now for now in range(100) if revivals.due(failing, float(now))]
    assert started == [2, 6, 14, 30, 60, 90]
    assert revivals.due([_process("shard-00")], 91.0) == []
    assert [now for now in range(92, 97) if revivals.due(failing, float(now))] == [94]


def test_all_are_started_at_once_when_postgres_is_back() -> None:
    revivals = Revivals()
    failing = [_process("shard-00", "FATAL", 0)]
    for now in range(20):
        revivals.due(failing, float(now))
    assert revivals.due(failing, 21.0) == []
    revivals.at_once()
    assert revivals.due(failing, 21.0) == ["shard-00"]
