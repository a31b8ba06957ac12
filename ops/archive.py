"""`replyx backup` and `replyx restore`: pg_dump and pg_restore, with what our schema needs of them.

Row-level security is forced on the owner too, and his policy shows him everything: `--enable-row-security` dumps
through it (pg_dump otherwise refuses). A restore drops and makes every object in one transaction;
the extension stays, because only a superuser could make it again.
"""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from domain.kit.settings import Settings
from ops.embedded import postgres_binary
from ops.migrate import migrate
from ops.probes import probe_postgres
from ops.progress import say, step
from ops.refusal import Refusal

LIVE_SHARDS = "SELECT count(*) FROM shard_members WHERE expires_at > clock_timestamp()"


def backup(settings: Settings, file: Path) -> None:
    """Dump the database into `file`, which appears only when it is whole. Raises Refusal."""
    probe_postgres(settings.owner_dsn)
    fresh = file.with_name(f"{file.name}.part")
    with step(f"writing {file}"):
        try:
            _run(
                "pg_dump", settings.owner_dsn, "--format=custom", "--enable-row-security", "--no-owner",
                "--no-comments", "--exclude-extension=*", "--lock-wait-timeout=10s", f"--file={fresh}",
            )  # fmt: skip
            fresh.rename(file)
        finally:
            fresh.unlink(missing_ok=True)
    say(f"{file.stat().st_size / 1e6:.1f} MB. The sealed secrets in it open with your key file only: keep that too.")


def restore(settings: Settings, file: Path) -> None:
    """Replace the database's content by `file`. Raises Refusal, and has then changed nothing."""
    if not file.is_file():
        raise Refusal(f"There is no file {file}.")
    probe_postgres(settings.owner_dsn)
    _refuse_while_running(settings)
    with step("preparing roles and schema"):
        migrate(settings)
    with step(f"restoring {file}"):
        _run(
            "pg_restore", settings.owner_dsn, "--clean", "--if-exists", "--no-owner", "--single-transaction",
            "--exit-on-error", str(file),
        )  # fmt: skip
    with step("migrating what was restored"):
        migrate(settings)


def _refuse_while_running(settings: Settings) -> None:
    with psycopg.connect(settings.owner_dsn) as conn:
        if conn.execute("SELECT to_regclass('shard_members')").fetchone() == (None,):
            return
        row = conn.execute(LIVE_SHARDS).fetchone()
    if row and row[0]:
        raise Refusal(
            f"{row[0]} shard(s) work on this database: stop the gateways, the shards and shard-supervisor first "
            "(`supervisorctl stop gateway:* shard-supervisor shard-00 ...`) and leave Postgres running."
        )


def _run(program: str, dsn: str, *arguments: str) -> None:
    """Run a PostgreSQL client program; the password goes through its environment, not its command line."""
    parts = urlsplit(dsn)
    user, _, host = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))
    password = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    own = postgres_binary(program)
    binary = str(own) if own.is_file() else shutil.which(program)
    if binary is None:
        raise Refusal(f"{program} is missing: install the PostgreSQL client programs.")
    done = subprocess.run(
        [binary, f"--dbname={bare}", *arguments],
        env={**os.environ, **password},  # noqa: TID251  # passed on, with the password
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise Refusal(f"{program} stopped: {lines[0] if lines else f'exit code {done.returncode}'}")
