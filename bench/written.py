"""A shard that notes when it writes sends to the socket: `python -m bench.written FILE`.

At its end FILE holds JSON: bot id -> monotonic seconds, read right after the request was handed to the socket.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import orjson

from shards import __main__ as shard
from shards.lanes import Admission


def main() -> None:
    """The shard's own entry point, with a note beside each write."""
    file, times = Path(sys.argv.pop()), defaultdict[str, list[float]](list)
    written = Admission.written

    def noted(self: Admission) -> None:
        times[str(self.row.bot_id)].append(time.monotonic())
        written(self)

    Admission.written = noted  # type: ignore[method-assign]  # the one place that sees every write
    try:
        shard.main()
    finally:
        file.write_bytes(orjson.dumps(times))


if __name__ == "__main__":
    main()
