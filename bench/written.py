"""A shard that notes when it writes sends to the socket: `python -m bench.written FILE`.

At its end FILE holds JSON: bot id -> monotonic seconds, taken in the moment the limits count a send, which is the one
in which it is written (`TelegramClient.call`).
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import orjson

from domain.outbox import OutboxRow
from shards import __main__ as shard
from shards.lanes import Lane


def main() -> None:
    """The shard's own entry point, with a note beside each admission."""
    file, times = Path(sys.argv.pop()), defaultdict[str, list[float]](list)
    admit = Lane.admit

    def noted(self: Lane, row: OutboxRow) -> bool:
        admitted = admit(self, row)
        if admitted:
            times[str(row.bot_id)].append(time.monotonic())
        return admitted

    Lane.admit = noted  # type: ignore[method-assign]  # the one place that sees every write
    try:
        shard.main()
    finally:
        file.write_bytes(orjson.dumps(times))


if __name__ == "__main__":
    main()
