"""One connection to Postgres for what must not wait behind anything else, such as the renewal of a lease.

It is opened when it is needed and thrown away after any failure: a half-open connection, a server that restarted, and a
cut network all end in the next call connecting anew. Nothing is retried here: the caller knows its deadline.
"""

import asyncio
from typing import Any

import asyncpg

from domain.kit.db import AWAY, init_connection
from domain.kit.errors import Unavailable


class Line:
    """A connection of one's own; not for two callers at once."""

    def __init__(self, dsn: str, *, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._conn: asyncpg.Connection[asyncpg.Record] | None = None

    async def fetchrow(self, sql: str, *arguments: Any, seconds: float) -> asyncpg.Record | None:
        """One statement, committed by itself, with connecting if need be. Raises Unavailable after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                if self._conn is None:
                    self._conn = await self._connect()
                return await self._conn.fetchrow(sql, *arguments)
        except AWAY as error:
            self.drop()
            raise Unavailable(f"Postgres did not answer in time: {error!r}", retry_after=1) from error
        except BaseException:
            self.drop()  # cancelled in the middle of a statement: its answer may still come
            raise

    def drop(self) -> None:
        """Forget the connection, without a word to the other side."""
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        conn = await asyncpg.connect(
            self._dsn, server_settings={"application_name": self._name, "tcp_user_timeout": "5000"}
        )
        try:
            await init_connection(conn)
        except BaseException:
            conn.terminate()
            raise
        return conn
