"""Entry: `python -m shards.supervisor`, started by supervisord."""

import asyncio
import signal
import socket
import sys

from domain.bus import Publisher
from domain.kit import log
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.kit.redis import connect
from domain.kit.settings import Settings, SettingsError, load_settings
from domain.kit.tasks import Tasks
from shards.supervisor.programs import shard_program
from shards.supervisor.rpc import SupervisordClient
from shards.supervisor.watcher import Watcher


async def supervise(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    data_dir = settings.replyx_data_dir.absolute()
    redis = connect(settings.redis_dsn)
    supervisord = SupervisordClient(data_dir / "supervisor.sock")
    watcher = Watcher(
        include=data_dir / "supervisor",
        host=socket.gethostname(),
        shards=settings.replyx_shards,
        program=lambda name: shard_program(name, data_dir=data_dir),
        supervisord=supervisord,
        publisher=Publisher(redis),
        open_database=lambda: Database.open(settings, worker=1, name="shard-supervisor"),
        clock=SystemClock(),
    )
    tasks = Tasks("shard-supervisor")
    tasks.eternal("watch", watcher.run())
    try:
        await tasks.run_until(stop)
    finally:
        await tasks.stop()
        await watcher.close()
        await supervisord.close()
        await redis.aclose()


def main() -> int:
    """The process."""
    try:
        settings = load_settings()
        settings.worker_dsn, settings.redis_dsn  # noqa: B018  # both must be there: say so in one line
    except SettingsError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 2
    log.configure(settings.log_level, instance=settings.replyx_instance or "shard-supervisor")
    asyncio.run(supervise(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
