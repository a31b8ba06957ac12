"""The embedded Postgres and Valkey: they start, forget nothing, and come back after the hardest kill."""

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from domain.kit.settings import load_settings
from ops.embedded import EmbeddedPostgres, EmbeddedValkey, current_account, free_port
from ops.embedded.ports import is_free, remembered_ports
from ops.migrate import migrate
from ops.refusal import Refusal
from tests.services import running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' account can reach (pytest's own is closed to others)."""
    with TemporaryDirectory(prefix="replyx-test-") as name:
        yield Path(name)


def test_postgres_comes_back_after_kill_9(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", free_port(), current_account())
    with running(server, stop="INT") as process:
        server.wait_ready()
        server.bootstrap()
        with psycopg.connect(server.dsn()) as conn:
            conn.execute("CREATE TABLE kept (word text)")
            conn.execute("INSERT INTO kept VALUES ('Ёлка')")
        process.kill()
        process.wait(10)
    assert (server.data_dir / "postmaster.pid").exists()
    with running(server, stop="INT"):
        server.wait_ready()
        server.bootstrap()
        with psycopg.connect(server.dsn()) as conn:
            assert conn.execute("SELECT lower(word) FROM kept").fetchone() == ("ёлка",)


def test_postgres_asks_for_passwords_and_the_owner_is_no_superuser(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", free_port(), current_account(), durable=False)
    with running(server, stop="INT"):
        server.wait_ready()
        server.bootstrap()
        for user in ("postgres", "replyx_owner"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(f"postgresql://{user}:wrong@127.0.0.1:{server.port}/postgres")
        with psycopg.connect(server.dsn()) as conn:
            row = conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            found = conn.execute(
                "SELECT '[1,2]'::vector(2)::text, show_all.setting FROM pg_settings AS show_all "
                "WHERE name = 'max_connections'"
            ).fetchone()
    assert row == (False,)
    assert found == ("[1,2]", "200")


def test_a_role_is_made_with_the_password_of_its_own_address(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", free_port(), current_account(), durable=False)
    with running(server, stop="INT"):
        server.wait_ready()
        server.bootstrap()
        app = f"postgresql://replyx_app:p%40ss@127.0.0.1:{server.port}/replyx"
        settings = load_settings(database_url=server.dsn(), database_app_url=app)
        migrate(settings)
        for dsn in (app, settings.worker_dsn):
            psycopg.connect(dsn).close()


def test_a_lock_file_whose_number_belongs_to_another_process_is_dropped(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", free_port(), current_account(), durable=False)
    server.prepare()
    lock = server.data_dir / "postmaster.pid"
    lock.write_text("1\n")
    server.prepare()
    assert not lock.exists()


def test_a_folder_of_another_major_version_is_refused(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", free_port(), current_account(), durable=False)
    server.data_dir.mkdir(parents=True)
    (server.data_dir / "PG_VERSION").write_text("17\n")
    with pytest.raises(Refusal, match="was made by PostgreSQL 17"):
        server.prepare()


def test_valkey_keeps_its_keys_over_kill_9(folder: Path) -> None:
    server = EmbeddedValkey(folder / "valkey", free_port(), current_account())
    with running(server, stop="TERM") as process:
        server.wait_ready()
        with redis.Redis.from_url(server.url()) as client:
            client.set("kept", "yes")
        process.kill()
        process.wait(10)
    with running(server, stop="TERM"):
        server.wait_ready()
        with redis.Redis.from_url(server.url()) as client:
            assert client.get("kept") == b"yes"
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()


def test_ports_are_remembered_while_they_are_free(folder: Path) -> None:
    file = folder / "ports.json"
    first = remembered_ports(file, {"postgres": 0, "valkey": 0})
    again = remembered_ports(file, {"valkey": 0, "postgres": first["valkey"], "shop": first["valkey"]})
    assert again.items() >= first.items()
    assert len(set(again.values())) == 3
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["postgres"]))
        taken.listen()
        assert not is_free(first["postgres"])
        assert remembered_ports(file, {"postgres": 0})["postgres"] != first["postgres"]
