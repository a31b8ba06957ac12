"""SQL of the assistants."""

from uuid import UUID

from domain.assistants.model import Assistant
from domain.assistants.rules import Draft
from domain.kit.db import Conn, Row

# Adds an assistant.
INSERT_ASSISTANT = """
INSERT INTO assistants (tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions,
    created_at, updated_at
"""

# One assistant.
FETCH_ASSISTANT = """
SELECT tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions,
    created_at, updated_at
FROM assistants WHERE tenant_id = $1 AND id = $2
"""

# Whose assistant it is, for the operator of the host.
FETCH_TENANT = "SELECT tenant_id FROM assistants WHERE id = $1"

# A tenant's assistants, newest first, older than the cursor's.
FETCH_ASSISTANTS = """
SELECT tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions,
    created_at, updated_at
FROM assistants WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# Replaces what a person may set.
UPDATE_ASSISTANT = """
UPDATE assistants SET name = $3, instructions = $4, model = $5, temperature = $6, language = $7, mode = $8,
    greeting = $9, suggestions = $10, updated_at = now()
WHERE tenant_id = $1 AND id = $2
RETURNING tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions,
    created_at, updated_at
"""

# Removes an assistant and, by cascade, its own documents and pairs; a bot or a site that uses it forbids it.
DELETE_ASSISTANT = "DELETE FROM assistants WHERE tenant_id = $1 AND id = $2 RETURNING id"

# Locks an assistant that is about to change.
LOCK_ASSISTANT = """
SELECT tenant_id, id, name, instructions, model, temperature, language, mode, greeting, suggestions,
    created_at, updated_at
FROM assistants WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""


async def insert_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID, draft: Draft) -> Assistant:
    """Add one."""
    row = await conn.fetchrow(INSERT_ASSISTANT, tenant_id, assistant_id, *_values(draft))
    assert row is not None  # noqa: S101  # an INSERT without ON CONFLICT returns its row or raises
    return _assistant(row)


async def fetch_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID, lock: bool = False) -> Assistant | None:
    """One, locked against other changes if asked."""
    row = await conn.fetchrow(LOCK_ASSISTANT if lock else FETCH_ASSISTANT, tenant_id, assistant_id)
    return _assistant(row) if row else None


async def fetch_assistants(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Assistant]:
    """Newest first."""
    return [_assistant(row) for row in await conn.fetch(FETCH_ASSISTANTS, tenant_id, before, limit)]


async def update_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID, draft: Draft) -> Assistant | None:
    """The changed one, or None when it is gone."""
    row = await conn.fetchrow(UPDATE_ASSISTANT, tenant_id, assistant_id, *_values(draft))
    return _assistant(row) if row else None


async def delete_assistant(conn: Conn, *, tenant_id: UUID, assistant_id: UUID) -> bool:
    """Whether there was one. Raises asyncpg.ForeignKeyViolationError while a channel uses it."""
    return await conn.fetchval(DELETE_ASSISTANT, tenant_id, assistant_id) is not None


def _values(draft: Draft) -> tuple[object, ...]:
    return (
        draft.name.strip(),
        draft.instructions,
        draft.model,
        draft.temperature,
        draft.language,
        draft.mode,
        draft.greeting,
        draft.suggestions,
    )


def _assistant(row: Row) -> Assistant:
    values = {name: row[name] for name in Assistant.__slots__}
    values["temperature"] = round(values["temperature"], 6)  # a `real`: 0.2 comes back as 0.20000000298
    return Assistant(**values)
