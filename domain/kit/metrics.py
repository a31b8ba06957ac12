"""Prometheus metrics over all processes of a host.

Each process writes its samples to memory-mapped files in PROMETHEUS_MULTIPROC_DIR (set by `replyx up` and the
supervisor before anything is imported); the gateway's /metrics reads them all. Without it, one process's own.
"""

import os

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
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
