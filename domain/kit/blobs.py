"""Files in Postgres: any process on any host can read them. One row per tenant and content."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from domain.kit.db import Conn
from domain.kit.errors import NotFound
from domain.kit.ids import uuid7

# Stores content once; the no-op update makes the existing row's id come back.
PUT = """
INSERT INTO blobs (tenant_id, id, sha256, size, data) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, sha256) DO UPDATE SET size = excluded.size
RETURNING id
"""

# Reads a tenant's file.
GET = "SELECT data FROM blobs WHERE tenant_id = $1 AND id = $2"

# Removes a file that no document and no message points at any more.
DELETE_UNUSED = """
DELETE FROM blobs b WHERE b.tenant_id = $1 AND b.id = $2
    AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.tenant_id = $1 AND d.blob_id = $2)
    AND NOT EXISTS (SELECT 1 FROM message_files f WHERE f.tenant_id = $1 AND f.blob_id = $2)
"""


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file: `sha256` is 32 bytes, `size` is bytes."""

    id: UUID
    sha256: bytes
    size: int


async def put(conn: Conn, *, tenant_id: UUID, data: bytes) -> Blob:
    """Store `data`; the same content is stored once."""
    digest = hashlib.sha256(data).digest()
    blob_id = await conn.fetchval(PUT, tenant_id, uuid7(), digest, len(data), data)
    return Blob(id=blob_id, sha256=digest, size=len(data))


async def get(conn: Conn, *, tenant_id: UUID, blob_id: UUID) -> bytes:
    """The content. Raises NotFound."""
    data: bytes | None = await conn.fetchval(GET, tenant_id, blob_id)
    if data is None:
        raise NotFound("This file does not exist any more.")
    return data


async def delete_unused(conn: Conn, *, tenant_id: UUID, blob_id: UUID) -> None:
    """Delete the file unless a document or a message still uses it."""
    await conn.execute(DELETE_UNUSED, tenant_id, blob_id)
