"""Postgres: pools by role, and the two ways to open a transaction.

`tenant_tx` is the gateway's way (role replyx_app, row-level security, tenant set for this transaction only).
`worker_tx` is the shards' way (role replyx_worker, explicit tenant ids, writes fenced by slot and epoch).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import orjson
from pgvector.asyncpg import register_vector

from domain.kit.errors import Unavailable
from domain.kit.ids import json_id
from domain.kit.settings import Settings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Conn = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Row = asyncpg.Record
else:
    Conn = Any
    Pool = asyncpg.Pool
    Row = asyncpg.Record

# What asyncpg raises when the server goes, restarts or is too slow: the caller may try again later.
GONE = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg's protocol, when a connection dies between two of its messages
    asyncpg.TransactionRollbackError,  # deadlock, serialization: the same transaction may pass the next time
)
AWAY = (*GONE, OSError)  # and when it cannot be reached at all

COMMAND_TIMEOUT = 10  # seconds a statement of ours may take before its connection is given up
# Shorter than a shard's lease: one that was cut off in the middle of a commit holds its slots' rows until then.
IDLE_IN_TRANSACTION = 8  # seconds
USER_TIMEOUT = 15  # seconds that bytes on a connection may stay unacknowledged before the kernel gives it up


class Database:
    """The pools of one process. `app` obeys row-level security; `worker` sees all tenants and must name them."""

    def __init__(self, app: Pool | None, worker: Pool | None) -> None:
        self._app = app
        self._worker = worker

    @classmethod
    async def open(cls, settings: Settings, *, app: int = 0, worker: int = 0, name: str = "replyx") -> "Database":
        """Open pools of at most `app` and `worker` connections. Raises Unavailable with one sentence when refused."""
        app_pool = await _pool(settings.app_dsn, app, name) if app else None
        worker_pool = await _pool(settings.worker_dsn, worker, name, _BATCHES) if worker else None
        return cls(app_pool, worker_pool)

    async def close(self) -> None:
        """Close the pools; borrowed connections get five seconds."""
        for pool in (self._app, self._worker):
            if pool is not None:
                try:
                    async with asyncio.timeout(5):
                        await pool.close()
                except TimeoutError:
                    pool.terminate()

    @asynccontextmanager
    async def tenant_tx(self, tenant_id: UUID) -> AsyncIterator[Conn]:
        """A transaction that sees this tenant's rows and no others."""
        async with self.app_tx() as conn:
            await conn.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
            yield conn

    @asynccontextmanager
    async def app_tx(self) -> AsyncIterator[Conn]:
        """A transaction without a tenant: the directory, users and the inbox, and not one tenant's row."""
        async with _transaction(_opened(self._app)) as conn:
            yield conn

    @asynccontextmanager
    async def worker_tx(self) -> AsyncIterator[Conn]:
        """A transaction of a shard: every statement names its tenants, every owner's commit is fenced."""
        async with _transaction(_opened(self._worker)) as conn:
            yield conn

    @asynccontextmanager
    async def worker_read(self) -> AsyncIterator[Conn]:
        """A shard's connection for single statements that need no transaction around them: two round trips less."""
        async with _connection(_opened(self._worker)) as conn:
            yield conn

    @property
    def pools(self) -> dict[str, Pool]:
        """The open pools by role, for health and metrics."""
        return {name: pool for name, pool in (("app", self._app), ("worker", self._worker)) if pool is not None}


def _opened(pool: Pool | None) -> Pool:
    if pool is None:
        raise RuntimeError("this process opened no pool for that role")
    return pool


@asynccontextmanager
async def _transaction(pool: Pool) -> AsyncIterator[Conn]:
    async with _connection(pool) as conn, conn.transaction():
        try:
            yield conn
        except TimeoutError:
            conn.terminate()  # what does not answer would not answer a ROLLBACK either
            raise


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[Conn]:
    try:
        conn = await pool.acquire(timeout=5)
    except AWAY as error:
        raise Unavailable("The database does not answer; try again in a moment.", retry_after=2) from error
    try:
        try:
            yield conn
        except (TimeoutError, asyncpg.InterfaceError):
            # Whatever cut this line cut its neighbours: each would cost its caller the same time again.
            conn.terminate()
            await pool.expire_connections()
            raise
        finally:
            await pool.release(conn)
    except GONE as error:
        raise Unavailable("The database went away; try again in a moment.", retry_after=2) from error


# The shards' statements join a batch of keys with a table by its index, whatever the table's statistics say: a table
# that has just grown looks small to the planner, which then reads all of it for every batch (17 ms instead of 0.3).
_BATCHES = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off", "jit": "off"}


class _Connection(asyncpg.Connection):
    """asyncpg resets a connection each time it goes back to its pool: a round trip for every transaction. Ours leave
    nothing behind to reset: settings are local to their transaction, and nobody listens, locks or declares cursors."""

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


async def _pool(dsn: str, size: int, name: str, more: Mapping[str, str] | None = None) -> Pool:
    try:
        return await asyncpg.create_pool(
            dsn,
            connection_class=_Connection,
            min_size=1,
            max_size=size,
            command_timeout=COMMAND_TIMEOUT,
            timeout=5,
            init=_init_app_connection if more is None else init_connection,
            server_settings={
                "application_name": name,
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION * 1000),
                "tcp_user_timeout": str(USER_TIMEOUT * 1000),  # the server's side of the same
                **(more or {}),
            },
        )
    except AWAY as error:
        raise Unavailable(f"Postgres does not answer: {error}. Check DATABASE_URL and that the server runs.") from error
    except asyncpg.PostgresError as error:
        raise Unavailable(
            f"Postgres refused the connection: {error}. Check DATABASE_URL; run `replyx migrate`."
        ) from error


async def init_connection(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Codecs, and a socket that notices when nobody is at the other end any more."""
    _notice_silence(conn)
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value, default=json_id),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )
    await register_vector(conn)


async def _init_app_connection(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """For the gateway, whose rows become JSON in many places: ids of the standard class. asyncpg's own is a tenth as
    dear to make, and orjson refuses it."""
    await init_connection(conn)
    await conn.set_type_codec(
        "uuid",
        schema="pg_catalog",
        encoder=lambda value: (value if isinstance(value, UUID) else UUID(value)).bytes,
        decoder=lambda data: UUID(bytes=data),
        format="binary",
    )


def _notice_silence(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A peer that vanished (its host lost power, a firewall forgot us) sends neither FIN nor RST."""
    sock = conn._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # asyncpg offers no other way
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT * 1000)
