"""SQL of documents and passages. Writers hold the document's row lock; readers run under row-level security."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pgvector import Vector

from domain.kit.db import Conn, Row
from domain.kit.errors import NotFound
from domain.knowledge.model import Document, Draft, Pair

_DOCUMENT = """tenant_id, id, assistant_id, title, file_name, media_type, size, blob_id, language, state, progress,
    error, chunk_count, created_at, updated_at"""

# Adds a document; the same content for the same assistant adds nothing.
INSERT_DOCUMENT = f"""
INSERT INTO documents (tenant_id, id, assistant_id, title, file_name, media_type, size, blob_id, content_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, assistant_id, content_hash) DO NOTHING
RETURNING {_DOCUMENT}
"""

# The document that has this content already.
FETCH_SAME_DOCUMENT = f"""
SELECT {_DOCUMENT} FROM documents WHERE tenant_id = $1 AND assistant_id IS NOT DISTINCT FROM $2 AND content_hash = $3
"""

# One document.
FETCH_DOCUMENT = f"SELECT {_DOCUMENT} FROM documents WHERE tenant_id = $1 AND id = $2"

# One document, locked against its deletion and against another ingest of it.
LOCK_DOCUMENT = f"{FETCH_DOCUMENT} FOR NO KEY UPDATE"

# A page of documents, newest first.
LIST_DOCUMENTS = f"""
SELECT {_DOCUMENT} FROM documents WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# Deletes a document; its passages go with it.
DELETE_DOCUMENT = "DELETE FROM documents WHERE tenant_id = $1 AND id = $2 RETURNING blob_id"

# What the tenant sees of the work on a document; a null keeps the old language and count.
SET_STATE = f"""
UPDATE documents SET state = $3, progress = $4, error = $5, language = coalesce($6, language),
    chunk_count = coalesce($7, chunk_count), updated_at = now()
WHERE tenant_id = $1 AND id = $2
RETURNING {_DOCUMENT}
"""

# All documents of a tenant, to embed them again.
FETCH_DOCUMENT_IDS = "SELECT id FROM documents WHERE tenant_id = $1 AND state <> 'failed' ORDER BY id"

# The passages a document has under an index, to see which are still missing.
FETCH_PASSAGES = """
SELECT ordinal, heading, page, text, language FROM chunks WHERE tenant_id = $1 AND document_id = $2 AND index_id = $3
"""

# Makes room for a batch: these places of the document, under any index.
DELETE_PASSAGES = "DELETE FROM chunks WHERE tenant_id = $1 AND document_id = $2 AND ordinal = ANY($3::integer[])"

# Removes what an earlier, longer reading of the document left behind.
DELETE_PASSAGES_FROM = "DELETE FROM chunks WHERE tenant_id = $1 AND document_id = $2 AND ordinal >= $3"

# Adds a batch of passages, indexed by their own language.
INSERT_PASSAGES = """
INSERT INTO chunks (tenant_id, document_id, assistant_id, index_id, id, ordinal, heading, page, text, language,
    embedding, tsv)
SELECT $1, $2, $3, $4, t.id, t.ordinal, t.heading, t.page, t.text, t.language, t.embedding,
    passage_tsv(t.language, t.heading, t.text)
FROM unnest($5::uuid[], $6::integer[], $7::text[], $8::integer[], $9::text[], $10::text[], $11::vector[])
    AS t (id, ordinal, heading, page, text, language, embedding)
"""

# The number of a model's index.
FETCH_INDEX = "SELECT id FROM embedding_indexes WHERE model = $1 AND dimension = $2"
INSERT_INDEX = "INSERT INTO embedding_indexes (model, dimension) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# Tenants that have passages or pairs of another index than the current one.
FETCH_STALE_TENANTS = """
SELECT tenant_id FROM chunks WHERE index_id <> $1 UNION SELECT tenant_id FROM qa_pairs WHERE index_id <> $1
"""

_PAIR = """tenant_id, id, assistant_id, question, answer, language, threshold, enabled,
    index_id IS NOT NULL AS embedded, created_at, updated_at"""

# Adds a pair, found by words at once and by meaning when its job has run.
INSERT_PAIR = f"""
INSERT INTO qa_pairs (tenant_id, id, assistant_id, question, answer, language, threshold, enabled, tsv)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, passage_tsv($6, $4, $5)) RETURNING {_PAIR}
"""

# Changes a pair; a new question needs a new vector.
UPDATE_PAIR = f"""
UPDATE qa_pairs SET question = $3, answer = $4, language = $5, threshold = $6, enabled = $7,
    tsv = passage_tsv($5, $3, $4), index_id = CASE WHEN question = $3 THEN index_id END,
    embedding = CASE WHEN question = $3 THEN embedding END, updated_at = now()
WHERE tenant_id = $1 AND id = $2 RETURNING {_PAIR}
"""

# One pair, locked for a change.
FETCH_PAIR = f"SELECT {_PAIR} FROM qa_pairs WHERE tenant_id = $1 AND id = $2"
LOCK_PAIR = f"{FETCH_PAIR} FOR NO KEY UPDATE"

# A page of pairs, newest first.
LIST_PAIRS = f"""
SELECT {_PAIR} FROM qa_pairs WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# Deletes a pair.
DELETE_PAIR = "DELETE FROM qa_pairs WHERE tenant_id = $1 AND id = $2"

# Pairs whose question has no vector of the current index.
FETCH_PAIRS_TO_EMBED = """
SELECT id, question FROM qa_pairs WHERE tenant_id = $1 AND index_id IS DISTINCT FROM $2 ORDER BY id LIMIT $3
"""

# Stores the vector, unless the question has changed since it was read.
SET_PAIR_VECTOR = """
UPDATE qa_pairs SET index_id = $4, embedding = $5 WHERE tenant_id = $1 AND id = $2 AND question = $3
"""


async def insert_document(conn: Conn, *, values: Sequence[Any]) -> Document | None:
    """Add a document from (tenant, id, assistant, title, file name, media type, size, blob, hash); None: it exists."""
    return _document(await conn.fetchrow(INSERT_DOCUMENT, *values))


async def fetch_same_document(
    conn: Conn, *, tenant_id: UUID, assistant_id: UUID | None, content_hash: bytes
) -> Document | None:
    """The document with this content."""
    return _document(await conn.fetchrow(FETCH_SAME_DOCUMENT, tenant_id, assistant_id, content_hash))


async def fetch_document(conn: Conn, *, tenant_id: UUID, document_id: UUID, lock: bool = False) -> Document | None:
    """One document, locked if asked."""
    return _document(await conn.fetchrow(LOCK_DOCUMENT if lock else FETCH_DOCUMENT, tenant_id, document_id))


async def list_documents(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Document]:
    """Documents with id < before, newest first."""
    rows = await conn.fetch(LIST_DOCUMENTS, tenant_id, before, limit)
    return [document for row in rows if (document := _document(row))]


async def delete_document(conn: Conn, *, tenant_id: UUID, document_id: UUID) -> UUID | None:
    """Delete; returns its blob's id, None when there was no such document."""
    blob_id: UUID | None = await conn.fetchval(DELETE_DOCUMENT, tenant_id, document_id)
    return blob_id


async def set_state(
    conn: Conn,
    *,
    tenant_id: UUID,
    document_id: UUID,
    state: str,
    progress: float = 0,
    error: str | None = None,
    language: str | None = None,
    chunk_count: int | None = None,
) -> Document | None:
    """Change what the tenant sees."""
    q = SET_STATE
    return _document(await conn.fetchrow(q, tenant_id, document_id, state, progress, error, language, chunk_count))


async def fetch_passages(conn: Conn, *, tenant_id: UUID, document_id: UUID, index_id: int) -> list[Draft]:
    """What is stored, as drafts."""
    rows = await conn.fetch(FETCH_PASSAGES, tenant_id, document_id, index_id)
    return [Draft(**{name: row[name] for name in Draft.__slots__}) for row in rows]


async def replace_passages(
    conn: Conn, *, document: Document, index_id: int, batch: Sequence[tuple[UUID, Draft, list[float]]]
) -> None:
    """Store (id, draft, vector) rows in their places. The caller has locked the document."""
    drafts = [draft for _, draft, _ in batch]
    ordinals = [draft.ordinal for draft in drafts]
    await conn.execute(DELETE_PASSAGES, document.tenant_id, document.id, ordinals)
    await conn.execute(
        INSERT_PASSAGES,
        document.tenant_id,
        document.id,
        document.assistant_id,
        index_id,
        [chunk_id for chunk_id, _, _ in batch],
        ordinals,
        [draft.heading for draft in drafts],
        [draft.page for draft in drafts],
        [draft.text for draft in drafts],
        [draft.language for draft in drafts],
        [Vector(vector) for _, _, vector in batch],
    )


async def delete_passages_from(conn: Conn, *, tenant_id: UUID, document_id: UUID, ordinal: int) -> None:
    """Delete from this place on."""
    await conn.execute(DELETE_PASSAGES_FROM, tenant_id, document_id, ordinal)


async def fetch_document_ids(conn: Conn, *, tenant_id: UUID) -> list[UUID]:
    """Every document that was not refused."""
    return [row["id"] for row in await conn.fetch(FETCH_DOCUMENT_IDS, tenant_id)]


async def fetch_stale_tenants(conn: Conn, *, index_id: int) -> list[UUID]:
    """Tenants to embed again."""
    return [row["tenant_id"] for row in await conn.fetch(FETCH_STALE_TENANTS, index_id)]


async def fetch_index(conn: Conn, *, model: str, dimension: int) -> int | None:
    """The index of a model, if anything was ever embedded with it."""
    index_id: int | None = await conn.fetchval(FETCH_INDEX, model, dimension)
    return index_id


async def ensure_index(conn: Conn, *, model: str, dimension: int) -> int:
    """The index of a model; made on first use."""
    await conn.execute(INSERT_INDEX, model, dimension)
    index_id: int = await conn.fetchval(FETCH_INDEX, model, dimension)
    return index_id


async def insert_pair(conn: Conn, *, values: Sequence[Any]) -> Pair:
    """Add a pair from (tenant, id, assistant, question, answer, language, threshold, enabled)."""
    return _pair(await conn.fetchrow(INSERT_PAIR, *values))


async def update_pair(conn: Conn, pair: Pair) -> Pair:
    """Store a pair that the caller has locked and changed."""
    values = (pair.question, pair.answer, pair.language, pair.threshold, pair.enabled)
    return _pair(await conn.fetchrow(UPDATE_PAIR, pair.tenant_id, pair.id, *values))


async def fetch_pair(conn: Conn, *, tenant_id: UUID, pair_id: UUID, lock: bool = False) -> Pair | None:
    """One pair, locked if asked."""
    row = await conn.fetchrow(LOCK_PAIR if lock else FETCH_PAIR, tenant_id, pair_id)
    return _pair(row) if row is not None else None


async def list_pairs(conn: Conn, *, tenant_id: UUID, before: UUID | None, limit: int) -> list[Pair]:
    """Pairs with id < before, newest first."""
    return [_pair(row) for row in await conn.fetch(LIST_PAIRS, tenant_id, before, limit)]


async def delete_pair(conn: Conn, *, tenant_id: UUID, pair_id: UUID) -> bool:
    """Delete; False when there was no such pair."""
    return await conn.execute(DELETE_PAIR, tenant_id, pair_id) == "DELETE 1"


async def fetch_pairs_to_embed(conn: Conn, *, tenant_id: UUID, index_id: int, limit: int) -> list[tuple[UUID, str]]:
    """(id, question) of pairs without a current vector."""
    rows = await conn.fetch(FETCH_PAIRS_TO_EMBED, tenant_id, index_id, limit)
    return [(row["id"], row["question"]) for row in rows]


async def set_pair_vectors(
    conn: Conn, *, tenant_id: UUID, index_id: int, batch: Sequence[tuple[UUID, str, list[float]]]
) -> None:
    """Store the vectors of (id, question, vector)."""
    rows = [(tenant_id, pair_id, question, index_id, Vector(vector)) for pair_id, question, vector in batch]
    await conn.executemany(SET_PAIR_VECTOR, rows)


def _pair(row: Row | None) -> Pair:
    if row is None:
        raise NotFound("There is no such question and answer.")
    return Pair(**{name: row[name] for name in Pair.__slots__})


def _document(row: Row | None) -> Document | None:
    return Document(**{name: row[name] for name in Document.__slots__}) if row is not None else None
