"""What the demo weighs while nobody asks: `python -m bench.idle [--seconds S] [--json]`.

`make run` with its one gateway and two shards, after it has read its documents: the memory of every process it has
started (PSS: a shared page counts once, divided by those who share it) and the CPU they use, by program. The bar:
600 MB and 2 % of a core.
"""

import os
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import options, report
from tests.product import Product

LIMIT_MB, LIMIT_CPU = 600, 2.0
TICKS = os.sysconf("SC_CLK_TCK")


def processes(root: int) -> dict[int, int]:
    """Every process under `root`, itself included, and its parent."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
    found = {root: 0}
    while more := {pid: parent for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found


def memory_mb(pid: int) -> float:
    """PSS."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_seconds(pid: int) -> float:
    """CPU used so far, by the process and by children of it that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def programs(product: Product, root: int) -> dict[int, str]:
    """The program of each process: that of its nearest ancestor which supervisord knows."""
    known = {pid: name.rpartition(":")[2] for name, pid in product.pids().items()}
    parents = processes(root)
    names: dict[int, str] = {}
    for pid in parents:
        above = pid
        while above and above not in known:
            above = parents[above]
        names[pid] = known.get(above, "replyx up, supervisord")
    return names


def measure(product: Product, root: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """(megabytes, percent of a core) by program."""
    names = programs(product, root)
    before = {pid: cpu_seconds(pid) for pid in names}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    memory: dict[str, float] = defaultdict(float)
    cpu: dict[str, float] = defaultdict(float)
    for pid, name in names.items():
        if Path(f"/proc/{pid}").exists():
            memory[name] += memory_mb(pid)
            cpu[name] += (cpu_seconds(pid) - before[pid]) / passed * 100
    return dict(memory), dict(cpu)


def main() -> None:
    """Start the demo, let it settle, measure, print."""
    chosen = options(__doc__, seconds=30)
    with TemporaryDirectory(prefix="replyx-bench-", ignore_cleanup_errors=True) as name:
        product = Product(Path(name) / "var", "--demo", REPLYX_GATEWAYS="1")
        with product.running() as process:
            time.sleep(10)  # checkpoints and caches of the start
            memory, cpu = measure(product, process.pid, chosen.seconds)
    if not chosen.json:
        for program in sorted(memory, key=lambda name: -memory[name]):
            print(f"  {program:28} {memory[program]:8.1f} MB {cpu[program]:8.2f} %")
    total, share = sum(memory.values()), sum(cpu.values())
    figures = {"memory MB": total, "CPU % of a core": share}
    figures |= {"memory / limit": total / LIMIT_MB, "CPU / limit": share / LIMIT_CPU}
    report("idle", figures, only_json=chosen.json)


if __name__ == "__main__":
    main()
