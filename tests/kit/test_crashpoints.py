"""Crash points: off unless armed, at the right time, never in production."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from domain.kit.crashpoints import arm, crash_point, crash_point_soon
from domain.kit.settings import Settings, SettingsError

Killed = list[tuple[int, int]]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killed]:
    """The signals this process would have got."""
    found: Killed = []
    monkeypatch.setattr("domain.kit.crashpoints.os.kill", lambda pid, number: found.append((pid, number)))
    yield found
    arm("")


def test_nothing_happens_unarmed(killed: Killed) -> None:
    arm("")
    crash_point("sent-committed")
    assert killed == []


def test_the_nth_time_and_no_other_point(killed: Killed) -> None:
    arm("sent-committed:2")
    crash_point("answer-ready")
    crash_point("sent-committed")
    assert killed == []
    crash_point("sent-committed")
    crash_point("sent-committed")
    assert killed == [(os.getpid(), signal.SIGKILL)]


async def test_stopping_once_the_bytes_have_left(killed: Killed) -> None:
    arm("send-written:1:stop")
    crash_point_soon("send-written")
    assert killed == []
    while not killed:
        await asyncio.sleep(0.001)
    assert killed == [(os.getpid(), signal.SIGSTOP)]


@pytest.mark.parametrize("spec", ["somewhere", "sent-committed:x", "sent-committed:1:sleep", ":1"])
def test_a_spec_that_is_none(spec: str, killed: Killed) -> None:
    with pytest.raises(ValueError, match="is not name"):
        arm(spec)
    assert killed == []


def test_never_in_production(settings: Settings) -> None:
    fields = {"replyx_env": "prod", "public_url": "https://x.example", "secret_key_file": settings.key_file}
    settings.key_file.write_text("x")
    assert settings.model_copy(update=fields).checked()
    with pytest.raises(SettingsError, match="REPLYX_CRASH_POINT"):
        settings.model_copy(update=fields | {"replyx_crash_point": "sent-committed"}).checked()
