"""Run every benchmark, one after the other: `python -m bench [--seconds S] [--json]`."""

import subprocess
import sys

NAMES = (
    "retrieval",
    "answers",
    "idle",
    "webhook_echo",
    "polling_echo",
    "broadcast",
    "ingest",
    "idle_bots",
    "failover",
    "soak",
)


def main() -> None:
    """Each in a process of its own; exits with the number of those that failed."""
    failed = 0
    for name in NAMES:
        if "--json" not in sys.argv:
            print(f"bench.{name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], check=False).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
