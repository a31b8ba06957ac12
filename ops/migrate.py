"""`replyx migrate`: the login roles, then Alembic up to this code's head.

Safe to run twice and at once from several hosts: one session-level advisory lock, held by a connection of its own so
that a revision may build an index concurrently. Statements give up after a short wait for a table lock rather than
queue every other transaction behind them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql

from domain.kit.settings import Settings
from ops.probes import unusable_postgres
from ops.refusal import NEWER_DATABASE, SERVICE_DOWN, Refusal

ADVISORY_LOCK = 7_305_170_218  # any number that nobody else in this database uses
LOCK_TIMEOUT = "5s"  # for table locks: longer would queue the traffic behind the migration
Phase = Literal["pre", "all"]
LOGIN_ROLES = ("replyx_app", "replyx_worker")


@dataclass(frozen=True)
class Migration:
    """What was done: revisions before and after (None: an empty database)."""

    before: str | None
    after: str | None


def migrate(
    settings: Settings,
    *,
    phase: Phase = "all",
    say: Callable[[str], None] = lambda _: None,
    folder: Path | None = None,
) -> Migration:
    """Bring the database of DATABASE_URL up to date. Raises Refusal with one line and the exit code.

    phase "pre" stops before the first revision that the code in use could not live with: run it, roll the new code out,
    then run "all". `folder` holds the revisions, the product's own unless a test brings others.
    """
    config = _alembic_config(folder)
    with _one_at_a_time(settings.owner_dsn) as conn:
        _ensure_roles(conn, settings)
        _refuse_newer(conn, ScriptDirectory.from_config(config))
        return _upgrade(settings.owner_dsn, config, phase, say)


def alembic_url(dsn: str) -> str:
    """The DSN as SQLAlchemy spells it for psycopg 3."""
    return "postgresql+psycopg://" + dsn.partition("://")[2]


def _alembic_config(folder: Path | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder or _own_revisions()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _own_revisions() -> Path:
    spec = find_spec("migrations")
    if spec is None or not spec.submodule_search_locations:
        raise Refusal("The folder migrations/ is missing: this installation is incomplete, install it again.")
    return Path(spec.submodule_search_locations[0])


@contextmanager
def _one_at_a_time(dsn: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection of the owner that holds the lock."""
    try:
        conn = psycopg.connect(dsn, autocommit=True, connect_timeout=10, application_name="replyx migrate")
    except psycopg.OperationalError as error:
        raise unusable_postgres(error) from error
    with conn:
        conn.execute("SET lock_timeout = '120s'")
        try:
            conn.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal("Another `replyx migrate` has been running for two minutes: wait for it to end.") from error
        yield conn


def _ensure_roles(conn: psycopg.Connection, settings: Settings) -> None:
    """Make the login roles. Their passwords are ours to set only where their addresses are derived."""
    own_address = {"replyx_app": settings.database_app_url, "replyx_worker": settings.database_worker_url}
    for role in LOGIN_ROLES:
        exists = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        address = own_address[role]
        if exists and address:
            continue
        password = _given_password(address, role) if address else settings.role_password(role)
        secret = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        statement = sql.SQL(
            "{} ROLE {} LOGIN NOBYPASSRLS PASSWORD {}" if not exists else "{} ROLE {} LOGIN PASSWORD {}"
        )
        verb = sql.SQL("ALTER" if exists else "CREATE")
        try:
            conn.execute(statement.format(verb, sql.Identifier(role), sql.Literal(secret if password else None)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise Refusal(
                f"The user of DATABASE_URL may not make or change the login role {role}: give it CREATEROLE, or make "
                f"the role yourself and set DATABASE_APP_URL and DATABASE_WORKER_URL.",
                code=SERVICE_DOWN,
            ) from error


def _given_password(address: str, role: str) -> str:
    """The role's password in an address of the user's own; "" when it logs in by other means."""
    parts = urlsplit(address)
    return unquote(parts.password or "") if parts.username == role else ""


def _refuse_newer(conn: psycopg.Connection, scripts: ScriptDirectory) -> None:
    """Old code runs on a newer schema until that schema says that it must not."""
    if conn.execute("SELECT to_regclass('schema_compat')").fetchone() == (None,):
        return
    row = conn.execute("SELECT min_compatible::text FROM schema_compat").fetchone()
    known = {script.revision for script in scripts.walk_revisions()}
    if row is not None and row[0] not in known:
        head = scripts.get_current_head()
        raise Refusal(
            f"The database needs schema {row[0]} or newer and this code knows {head}: install the newer release.",
            code=NEWER_DATABASE,
        )


def _upgrade(dsn: str, config: Config, phase: Phase, say: Callable[[str], None]) -> Migration:
    engine = sqlalchemy.create_engine(
        alembic_url(dsn),
        poolclass=sqlalchemy.NullPool,
        connect_args={"options": f"-c lock_timeout={LOCK_TIMEOUT}", "application_name": "replyx migrate"},
    )
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    try:
        with engine.connect() as connection:
            before = _revision(connection)
            if before is not None and before not in known:
                say(f"the database is at {before}, newer than this code, and still accepts it")
                return Migration(before, before)
            connection.rollback()
            config.attributes["connection"] = connection
            if (target := _target(scripts, before, phase)) is not None:
                command.upgrade(config, target)
            after = _revision(connection)
            _record_compatibility(connection, scripts, after)
    except (CommandError, sqlalchemy.exc.DBAPIError) as error:
        raise Refusal(f"The migration stopped and changed nothing of the failed step: {_first_line(error)}") from error
    finally:
        engine.dispose()
    say(f"the schema is at {after}" if before == after else f"the schema went from {before or 'nothing'} to {after}")
    return Migration(before, after)


def _target(scripts: ScriptDirectory, before: str | None, phase: Phase) -> str | None:
    """The revision to upgrade to; None when nothing of this phase is pending."""
    pending = list(scripts.iterate_revisions("head", before or "base"))[::-1]
    if phase == "pre":
        pending = list(takewhile(lambda script: script.module.phase == "pre", pending))
    return pending[-1].revision if pending else None


def _record_compatibility(connection: sqlalchemy.Connection, scripts: ScriptDirectory, revision: str | None) -> None:
    """Write which code may still run on this schema: the newest revision names it."""
    if revision is None:
        return
    oldest: str = scripts.get_revision(revision).module.min_compatible
    connection.execute(
        sqlalchemy.text(
            "INSERT INTO schema_compat (min_compatible) VALUES (:oldest) "
            "ON CONFLICT (only_row) DO UPDATE SET min_compatible = excluded.min_compatible"
        ),
        {"oldest": oldest},
    )
    connection.commit()


def _revision(connection: sqlalchemy.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
