"""Small facts of tenants that every turn and every send asks for, remembered for a few seconds."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

from domain.assistants import service as assistants
from domain.assistants.model import Assistant
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.tenants import service as tenants

REMEMBERED = 5.0  # seconds: how long a change may take to be noticed
MAX_ENTRIES = 10_000

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Values by key, read again after a few seconds."""

    def __init__(self, read: Callable[[K], Awaitable[V]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._values: dict[K, tuple[float, V]] = {}

    def known(self, key: K) -> V | None:
        """The value, if it is remembered."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] > self._clock.monotonic() else None

    async def get(self, key: K) -> V:
        """The value; raises what reading it raises."""
        now = self._clock.monotonic()
        found = self._values.get(key)
        if found is not None and found[0] > now:
            return found[1]
        value = await self._read(key)
        if len(self._values) >= MAX_ENTRIES:
            self._values.clear()
        self._values[key] = (now + REMEMBERED, value)
        return value


class Directory:
    """Assistants and policies."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._assistants: Remembered[tuple[UUID, UUID], Assistant] = Remembered(self._read_assistant, clock)
        self._policies: Remembered[UUID, str] = Remembered(self._read_policy, clock)

    async def assistant(self, tenant_id: UUID, assistant_id: UUID) -> Assistant:
        """Who answers. Raises NotFound."""
        return await self._assistants.get((tenant_id, assistant_id))

    def known_assistant(self, tenant_id: UUID, assistant_id: UUID) -> Assistant | None:
        """Who answers, if that is remembered."""
        return self._assistants.known((tenant_id, assistant_id))

    async def policy(self, tenant_id: UUID) -> str:
        """What happens to a reply whose delivery is unknown: "resend" or "hold"."""
        return await self._policies.get(tenant_id)

    async def _read_assistant(self, key: tuple[UUID, UUID]) -> Assistant:
        async with self._db.worker_tx() as conn:
            return await assistants.get_assistant(conn, tenant_id=key[0], assistant_id=key[1])

    async def _read_policy(self, tenant_id: UUID) -> str:
        async with self._db.worker_tx() as conn:
            return (await tenants.get_tenant(conn, tenant_id=tenant_id)).uncertain_policy
