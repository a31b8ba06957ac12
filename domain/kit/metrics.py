"""Prometheus metrics over all processes of a host.

Each process writes its samples to memory-mapped files in PROMETHEUS_MULTIPROC_DIR (set by `replyx up`
before anything is imported); the gateway's /metrics reads them all. Without it, one process's own.
"""

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import REGISTRY as _OWN
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["Counter", "Gauge", "Histogram", "exposition", "gauge"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """A gauge whose values of living processes are added up."""
    return Gauge(name, text, labels, multiprocess_mode="livesum")


def exposition() -> bytes:
    """All metrics of this host in the Prometheus text format."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(_OWN)
    _forget_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_dead(folder: Path) -> None:
    """Remove the living gauges of processes that are gone (files `gauge_live..._<pid>.db`); counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            with suppress(FileNotFoundError):
                file.unlink()
