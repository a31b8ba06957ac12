"""Real PostgreSQL and Valkey for the tests, started by the tests on free ports in a folder of their own.

The schema is migrated once into a template database; each test that asks for a database gets a clone of it.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import redis

from domain.kit.settings import load_settings
from ops.embedded import EmbeddedPostgres, EmbeddedValkey, current_account, free_port
from ops.migrate import migrate

TEMPLATE = "replyx_template"  # migrated
EMPTY = "replyx_empty"  # with the extension, and nothing else


@dataclass(frozen=True)
class Services:
    """A running Postgres and a running Valkey."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    def migrate_template(self) -> None:
        """Make the template databases and migrate one; once a session."""
        self.create_database(EMPTY, template="template0")
        with psycopg.connect(self.postgres.superuser_dsn(EMPTY), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION vector")
        self.create_database(TEMPLATE, template=EMPTY)
        migrate(load_settings(database_url=self.postgres.dsn(TEMPLATE)))

    def create_database(self, name: str, *, template: str = TEMPLATE) -> str:
        """A new database owned by the owner's role; returns its DSN."""
        with psycopg.connect(self.postgres.superuser_dsn(), autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER replyx_owner'.encode())
        return self.postgres.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        with psycopg.connect(self.postgres.superuser_dsn(), autocommit=True) as conn:
            conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

    @contextmanager
    def cloned_database(self) -> Iterator[str]:
        """The DSN of a fresh clone of the template, dropped at the end."""
        name = f"test_{uuid4().hex}"
        dsn = self.create_database(name)
        try:
            yield dsn
        finally:
            self.drop_database(name)

    def flush(self) -> None:
        """Empty the Valkey."""
        with redis.Redis.from_url(self.valkey.url()) as client:
            client.flushall()


@contextmanager
def running_services(*, durable: bool = False) -> Iterator[Services]:
    """Start both servers in a temporary folder; without `durable`, nothing is synced to disk."""
    folder = Path(tempfile.mkdtemp(prefix="replyx-test-"))
    account = current_account()
    postgres = EmbeddedPostgres(folder / "postgres", free_port(), account, durable=durable)
    valkey = EmbeddedValkey(folder / "valkey", free_port(), account, durable=durable)
    try:
        with running(postgres, stop="INT"), running(valkey, stop="TERM"):
            postgres.wait_ready()
            postgres.bootstrap()
            valkey.wait_ready()
            yield Services(postgres, valkey)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(server: EmbeddedPostgres | EmbeddedValkey, *, stop: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one server as a child process; its output goes to `log` in its folder."""
    server.prepare()
    with (server.folder / "log").open("wb") as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=subprocess.STDOUT, cwd="/")
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal({"INT": 2, "TERM": 15}[stop])
        process.wait(20)
