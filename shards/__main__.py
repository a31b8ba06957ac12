"""`python -m shards`: one shard worker. Exit codes: 0 drained, 1 a component died or the lease was lost, 2 wrong
settings, 3 a service refused."""

import sys

import uvloop

from domain.kit import log
from domain.kit.crashpoints import arm
from domain.kit.errors import ReplyxError
from domain.kit.settings import SettingsError, load_settings
from domain.kit.tasks import TaskEnded
from shards.process import serve


def main() -> int:
    """Run, and say in one sentence why not."""
    try:
        settings = load_settings()
        arm(settings.replyx_crash_point)
        log.configure(settings.log_level, instance=settings.replyx_instance or "shard")
        uvloop.run(serve(settings))
    except SettingsError as error:
        return _refuse(2, *error.problems)
    except (ReplyxError, ValueError) as error:
        return _refuse(3, str(error))
    except TaskEnded as error:
        return _refuse(1, f"{error}: {error.__cause__!r}")
    return 0


def _refuse(code: int, *sentences: str) -> int:
    for sentence in sentences:
        sys.stderr.write(f"shard: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
