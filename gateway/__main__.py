"""`python -m gateway`: one HTTP process. Exit codes: 0 stopped, 1 a component died, 2 wrong settings, 3 a refusal."""

import socket
import sys

import uvloop

from domain.kit import log
from domain.kit.crashpoints import arm
from domain.kit.errors import ReplyxError, Unavailable
from domain.kit.settings import Settings, SettingsError, load_settings
from domain.kit.tasks import TaskEnded
from gateway.server import listening_socket, serve, stop_on_signals


async def run(settings: Settings, sock: socket.socket) -> None:
    """Serve until a signal."""
    await serve(settings, sock, stop_on_signals())


def main() -> int:
    """Start, and say in one sentence why not."""
    try:
        settings = load_settings()
        arm(settings.replyx_crash_point)
        log.configure(settings.log_level, instance=settings.replyx_instance or "gateway")
        sock = _listen(settings.port)
        uvloop.run(run(settings, sock))
    except SettingsError as error:
        return _refuse(2, *error.problems)
    except (ReplyxError, ValueError) as error:
        return _refuse(3, str(error))
    except TaskEnded as error:
        return _refuse(1, str(error))
    return 0


def _listen(port: int) -> socket.socket:
    try:
        return listening_socket(port)
    except OSError as error:
        raise Unavailable(f"Port {port} cannot be used: {error.strerror}. Set PORT to a free one.") from error


def _refuse(code: int, *sentences: str) -> int:
    for sentence in sentences:
        sys.stderr.write(f"gateway: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
