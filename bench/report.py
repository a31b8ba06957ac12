"""What every benchmark prints: a small table, and as the last line one JSON object."""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence


def options(description: str | None, *, seconds: float) -> argparse.Namespace:
    """`--seconds S` and `--json` of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=seconds, help=f"how long to measure (default {seconds:g})")
    parser.add_argument("--json", action="store_true", help="only the last line")
    return parser.parse_args()


def report(name: str, figures: Mapping[str, float], *, only_json: bool, peer: str | None = None) -> None:
    """Print the figures. A label that ends in "/ limit" is the measured value divided by what it may be."""
    rounded = {label: round(value, 3) for label, value in figures.items()}
    if not only_json:
        for label, value in rounded.items():
            print(f"  {label:36} {value:10.3f}")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(json.dumps({"name": name, "figures": rounded, "peer": peer, "machine": machine}), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
