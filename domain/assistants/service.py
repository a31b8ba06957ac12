"""Use cases of assistants. Each runs in its caller's transaction of the tenant."""

from typing import Any
from uuid import UUID

import asyncpg

from domain.assistants import queries
from domain.assistants.model import Assistant
from domain.assistants.rules import Draft, checked, draft_of
from domain.kit.db import Conn
from domain.kit.errors import Conflict, NotFound
from domain.kit.ids import uuid7


async def add_assistant(conn: Conn, *, tenant_id: UUID, draft: Draft) -> Assistant:
    """Add one. Raises Invalid."""
    return await queries.insert_assistant(conn, tenant_id=tenant_id, assistant_id=uuid7(), draft=checked(draft))


async def get_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID) -> Assistant:
    """Raises NotFound."""
    return _found(await queries.fetch_assistant(conn, tenant_id=tenant_id, assistant_id=assistant_id))


async def tenant_of(conn: Conn, *, assistant_id: UUID) -> UUID:
    """Whose it is, in a worker's transaction. Raises NotFound."""
    found: UUID | None = await conn.fetchval(queries.FETCH_TENANT, assistant_id)
    if found is None:
        raise NotFound("This assistant does not exist.")
    return found


async def list_assistants(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Assistant]:
    """Up to `limit`, newest first, older than the one with the id `before`."""
    return await queries.fetch_assistants(conn, tenant_id=tenant_id, before=before, limit=limit)


async def change_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID, changes: dict[str, Any]) -> Assistant:
    """Set the fields of `changes` (names of Draft) and leave the others. Raises NotFound, Invalid."""
    old = _found(await queries.fetch_assistant(conn, tenant_id=tenant_id, assistant_id=assistant_id, lock=True))
    draft = checked(draft_of(old, changes))
    return _found(await queries.update_assistant(conn, tenant_id=tenant_id, assistant_id=assistant_id, draft=draft))


async def delete_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID) -> None:
    """Delete it with its own documents and pairs. Raises NotFound, or Conflict while a bot or a site uses it."""
    try:
        async with conn.transaction():
            deleted = await queries.delete_assistant(conn, tenant_id=tenant_id, assistant_id=assistant_id)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("A bot or a site still uses this assistant; give it another one first.") from error
    if not deleted:
        raise NotFound("This assistant does not exist.")


def _found(assistant: Assistant | None) -> Assistant:
    if assistant is None:
        raise NotFound("This assistant does not exist.")
    return assistant
