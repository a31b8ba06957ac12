"""What webhook_echo and polling_echo share: the same load on ReplyX and on aiogram, and what it cost each."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.installation import ROOT, Installation, Sink, cpu, rss_mb
from bench.sink import FIRST_BOT

BOTS = 1000
CHATS = 10  # of each bot: no chat is written to more often than its limit allows
WAITING = 1000  # unanswered updates at once: one a bot
WARM_UP = 5.0  # seconds, after which most dialogs are open
CONNECTIONS = 80  # of the webhooks; Telegram opens up to 40 a bot


def until(check: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for it. Raises SystemExit at the deadline."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:g} s for {what}")
        time.sleep(0.2)


def receiving(sink: Sink, how: str, count: int = BOTS) -> None:
    """Wait until every bot polls, or has asked for its webhook."""
    if how == "poll":
        until(lambda: bool(sink.do("counts")["polls"] >= count), "every bot to poll")
    else:
        until(lambda: bool(sink.do("counts")["calls"].get("setWebhook", 0) >= count), "every webhook to be set")


def run(sink: Sink, how: str, seconds: float, **load: Any) -> dict[str, Any]:
    """One load, until all of it is answered."""
    return sink.do("load", how=how, bots=BOTS, chats=CHATS, seconds=seconds, **load)


def replyx(sink: Sink, found: Installation, how: str, seconds: float) -> dict[str, float]:
    """Warm up (every dialog is opened), saturate, then half of that."""
    run(sink, how, 3.0, waiting=WAITING)
    found.analyze()
    run(sink, how, WARM_UP, waiting=WAITING)
    ours, services = found.ours, found.services()
    before, before_all = cpu(ours), cpu([*ours, *services])
    full = run(sink, how, seconds, waiting=WAITING)
    used, used_all = cpu(ours) - before, cpu([*ours, *services]) - before_all
    peak = sum(rss_mb(pid, peak=True) for pid in ours)
    rate = full["per second"] / 2
    run(sink, how, WARM_UP, rate=rate)  # what saturation has left behind is not half load
    half = run(sink, how, seconds / 2, rate=rate)
    runs = (full, half)
    return {
        "updates/s": full["per second"],
        "updates / CPU-second": full["updates"] / used,
        "with Postgres, Valkey": full["updates"] / used_all,
        "CPU us / update, gateway+shard": used / full["updates"] * 1e6,
        "peak RSS MB": peak,
        "p50 ms at half load": half["p50"],
        "p99 ms at half load": half["p99"],
        "p99 ms at full load": full["p99"],
        "updates": sum(one["updates"] for one in runs),
        "unanswered": sum(one["unanswered"] for one in runs),
        "answered twice": sum(one["twice"] for one in runs),
    }


@contextmanager
def aiogram(sink: Sink, mode: str) -> Iterator[tuple[int, int]]:
    """aiogram's process: (process id, port)."""
    process = subprocess.Popen(
        [
            str(ROOT / ".venv-peers/bin/python"),
            "bench/peers/aiogram_many.py",
            f"http://127.0.0.1:{sink.port}",
            str(FIRST_BOT),
            str(BOTS),
            mode,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


def peer(sink: Sink, pid: int, how: str, seconds: float) -> dict[str, float]:
    """The same load on aiogram."""
    run(sink, how, 3.0, waiting=WAITING)
    before = cpu([pid])
    full = run(sink, how, seconds, waiting=WAITING)
    used = cpu([pid]) - before
    return {
        "aiogram updates/s": full["per second"],
        "aiogram updates / CPU-second": full["updates"] / used,
        "aiogram peak RSS MB": rss_mb(pid, peak=True),
        "aiogram unanswered": full["unanswered"],
    }


def compared(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """All figures, with their ratio per CPU-second."""
    per = "updates / CPU-second"
    ratios = {
        "ratio per CPU-second": ours[per] / theirs[f"aiogram {per}"],
        "ratio with Postgres, Valkey": ours["with Postgres, Valkey"] / theirs[f"aiogram {per}"],
    }
    return {**ours, **theirs, **ratios}


def tokens(count: int) -> Sequence[str]:
    """The bots' tokens."""
    return [f"{FIRST_BOT + number}:{'A' * 35}" for number in range(count)]
