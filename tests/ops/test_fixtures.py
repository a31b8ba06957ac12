"""The fixtures themselves: a database a test, roles that exist, a Valkey that is empty."""

import asyncpg
import psycopg
import redis

from domain.kit.db import Database
from domain.kit.settings import Settings
from tests.services import TEMPLATE, Services


async def test_each_role_can_log_in_to_a_clone(settings: Settings, db: Database) -> None:
    async with db.app_tx() as conn:
        assert await conn.fetchval("SELECT current_user") == "replyx_app"
    async with db.worker_tx() as conn:
        assert await conn.fetchval("SELECT current_user") == "replyx_worker"
    owner = await asyncpg.connect(settings.owner_dsn)
    assert await owner.fetchval("SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user") is False
    await owner.close()


def test_clones_are_separate(services: Services, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("CREATE TABLE here (n int)")
    with services.cloned_database() as other, psycopg.connect(other) as conn:
        assert conn.execute("SELECT to_regclass('here')").fetchone() == (None,)
    with psycopg.connect(services.postgres.dsn(TEMPLATE)) as conn:
        assert conn.execute("SELECT to_regclass('here'), to_regclass('dialogs') IS NULL").fetchone() == (None, False)


def test_the_valkey_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")
