"""`replyx` when something is wrong: the exact sentence on stderr, and the exit code."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.services import EMPTY, Services


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with TemporaryDirectory(prefix="replyx-test-") as name:
        yield Path(name) / "var"


def replyx(*arguments: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env={**os.environ, "REPLYX_DATA_DIR": str(data_dir), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_all_wrong_settings_are_named_at_once(data_dir: Path) -> None:
    done = replyx("up", data_dir=data_dir, PORT="http", REPLYX_SHARDS="0", DATABASE_URL="mysql://u:secret@h/x")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "replyx: DATABASE_URL: must look like postgresql://user:password@host:5432/name.",
        "replyx: PORT: Input should be a valid integer, unable to parse string as an integer (it is 'http').",
        "replyx: REPLYX_SHARDS: Input should be greater than or equal to 1 (it is '0').",
    ]


def test_without_embedded_services_their_addresses_are_needed(data_dir: Path) -> None:
    done = replyx("up", "--no-embedded", data_dir=data_dir)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "replyx: DATABASE_URL is not set: with --no-embedded, point it at a server of your own.",
        "replyx: REDIS_URL is not set: with --no-embedded, point it at a server of your own.",
    ]


def test_a_port_in_use(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = replyx("up", "--port", str(port), data_dir=data_dir)
    assert done.returncode == 4
    assert done.stderr == (
        f"replyx: Port {port} is in use by another program: stop it, or choose another with PORT or --port.\n"
    )


def test_a_data_folder_that_is_too_deep_or_not_ours(data_dir: Path) -> None:
    deep = data_dir / ("deep" * 25)
    done = replyx("up", data_dir=deep)
    assert done.returncode == 2
    assert "is too long for a Unix socket in it" in done.stderr
    data_dir.mkdir(exist_ok=True)
    (data_dir / "file").write_text("")
    done = replyx("up", data_dir=data_dir / "file" / "var")
    assert done.returncode == 2
    assert done.stderr == f"replyx: REPLYX_DATA_DIR: {data_dir / 'file' / 'var'} cannot be written (Not a directory).\n"


@pytest.mark.parametrize("command", ["migrate", "shards", "up"])
def test_a_postgres_that_is_not_there(data_dir: Path, command: str) -> None:
    done = replyx(command, data_dir=data_dir, PORT=free(), DATABASE_URL="postgresql://owner:geheim@127.0.0.1:9/replyx")
    assert done.returncode == 5
    assert done.stderr == (
        'replyx: Postgres cannot be used: connection to server at "127.0.0.1", port 9 failed: Connection refused. '
        "Check DATABASE_URL, and that the server runs and lets this user in.\n"
    )


@pytest.mark.parametrize("command", ["migrate", "seed", "shards"])
def test_commands_before_the_first_start(data_dir: Path, command: str) -> None:
    done = replyx(command, data_dir=data_dir)
    assert done.returncode == 5
    assert done.stderr == (
        "replyx: DATABASE_URL is not set, and no embedded Postgres was made yet: start `replyx up`.\n"
    )


def test_a_postgres_that_refuses_the_password(data_dir: Path, services: Services) -> None:
    dsn = f"postgresql://replyx_owner:geheim@127.0.0.1:{services.postgres.port}/postgres"
    done = replyx("migrate", data_dir=data_dir, DATABASE_URL=dsn)
    assert done.returncode == 5
    assert 'FATAL:  password authentication failed for user "replyx_owner". Check DATABASE_URL' in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["migrate", "up"])
def test_an_owner_without_a_password_has_no_logins_to_derive(
    data_dir: Path, services: Services, redis_url: str, command: str
) -> None:
    given = replyx(
        command,
        data_dir=data_dir,
        PORT=free(),
        DATABASE_URL=f"postgresql://replyx_owner@127.0.0.1:{services.postgres.port}/postgres",
        PGPASSWORD=str(urlsplit(services.postgres.dsn()).password),
        REDIS_URL=redis_url,
    )
    assert given.returncode == 2
    assert given.stderr == (
        "replyx: DATABASE_URL has no password to derive the logins of replyx_app and replyx_worker from: "
        "set DATABASE_APP_URL and DATABASE_WORKER_URL.\n"
    )


def test_a_redis_that_is_not_there(data_dir: Path, database_url: str) -> None:
    done = replyx("up", data_dir=data_dir, PORT=free(), DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:9/0")
    assert done.returncode == 5
    assert done.stderr.startswith("replyx: Redis cannot be used: Error 111 connecting to 127.0.0.1:9")
    assert done.stderr.endswith("Check REDIS_URL, and that the server runs.\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_only_newer_code_may_use(data_dir: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE schema_compat SET min_compatible = '9999'")
    done = replyx("migrate", data_dir=data_dir, DATABASE_URL=database_url)
    assert done.returncode == 3
    assert done.stderr.startswith("replyx: The database needs schema 9999 or newer and this code knows 0")
    assert done.stderr.endswith("install the newer release.\n")


def test_a_newer_database_that_still_accepts_this_code(data_dir: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    done = replyx("migrate", data_dir=data_dir, DATABASE_URL=database_url)
    assert done.returncode == 0
    assert done.stdout == "the database is at 9999, newer than this code, and still accepts it\n"


def test_doctor_prints_every_check_and_fails_for_one(data_dir: Path, database_url: str, redis_url: str) -> None:
    done = replyx(
        "doctor",
        data_dir=data_dir,
        PORT=free(),
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        TELEGRAM_API_URL="http://127.0.0.1:9",
    )
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert [name for name, line in lines.items() if line.startswith("FAIL")] == ["telegram"]
    assert lines["postgres"].endswith("migrated")
    assert lines["roles"].startswith("ok")
    assert done.stderr == "replyx: 1 check(s) failed.\n"
    assert done.returncode == 1


def test_the_slot_table_shows_members_and_free_slots(data_dir: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO shard_members (id, program, host, pid, expires_at) "
            "VALUES ('h:shard-00:1', 'shard-00', 'h', 4711, clock_timestamp() + '1 minute')"
        )
        conn.execute("UPDATE slot_owners SET member_id = 'h:shard-00:1', epoch = 3 WHERE slot < 1000")
    done = replyx("shards", data_dir=data_dir, DATABASE_URL=database_url)
    _, first, second, _, wished = done.stdout.splitlines()
    cells = first.split()
    assert (cells[:4], cells[6]) == (["shard-00", "h", "4711", "live"], "1000")
    assert second.split() == ["(nobody)", "free", "24", "0.0", "s"]
    assert wished == "Wished for: 2 a host (REPLYX_SHARDS)"


def test_scaling_is_noted_for_the_next_start(data_dir: Path, database_url: str) -> None:
    for arguments, wished in (
        (("3", "--host", "web-2"), "3 on web-2, 2 a host (REPLYX_SHARDS)"),
        (("5",), "5 a host"),
        (("6", "--host", "web-1"), "6 on web-1, 5 a host"),
    ):
        done = replyx("shards", "scale", *arguments, data_dir=data_dir, DATABASE_URL=database_url)
        assert done.stdout.startswith(f"Noted: {arguments[0]} shard(s) on "), done.stderr
        table = replyx("shards", data_dir=data_dir, DATABASE_URL=database_url).stdout
        assert table.splitlines()[-1] == f"Wished for: {wished}"
    done = replyx("shards", "scale", "65", data_dir=data_dir, DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (1, "replyx: A host runs 1 to 64 shards.\n")
    found = json.loads(replyx("shards", "--json", data_dir=data_dir, DATABASE_URL=database_url).stdout)
    assert found == {"shards": [], "free": 1024, "free_lag": 0.0, "wishes": {"": 5, "web-1": 6}}


def test_a_roll_needs_a_running_host(data_dir: Path, database_url: str) -> None:
    done = replyx("shards", "roll", data_dir=data_dir, DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("replyx: ReplyX does not run here")


def test_a_backup_comes_back(data_dir: Path, services: Services, database_url: str) -> None:
    data_dir.mkdir()
    file = data_dir / "replyx.dump"
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO tenants (id, name) VALUES (uuidv7(), 'kept')")
        conn.execute("INSERT INTO shard_members (id, program, host, pid, expires_at) VALUES ('m', 's', 'h', 1, now())")
    assert replyx("backup", str(file), data_dir=data_dir, DATABASE_URL=database_url).returncode == 0
    with psycopg.connect(database_url) as conn:
        conn.execute("DELETE FROM tenants")
    fresh = services.create_database(f"{urlsplit(database_url).path[1:]}_restored", template=EMPTY)
    for target in (database_url, fresh):
        done = replyx("restore", str(file), data_dir=data_dir, DATABASE_URL=target)
        assert (done.returncode, done.stderr) == (0, "")
        with psycopg.connect(target) as conn:
            assert conn.execute("SELECT name FROM tenants").fetchall() == [("kept",)]
            assert conn.execute("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'dialogs'").fetchone() == (
                True,
            )


def test_a_restore_under_live_shards_is_refused(data_dir: Path, database_url: str) -> None:
    data_dir.mkdir()
    (data_dir / "any").touch()
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO shard_members (id, program, host, pid, expires_at) "
            "VALUES ('m', 'shard-00', 'h', 1, clock_timestamp() + '1 minute')"
        )
    done = replyx("restore", str(data_dir / "any"), data_dir=data_dir, DATABASE_URL=database_url)
    assert done.returncode == 1
    assert done.stderr.startswith("replyx: 1 shard(s) work on this database: stop the gateways")


def free() -> str:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
