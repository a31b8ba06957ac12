"""Documents and Q&A pairs: add, list, change, delete. Each runs in its caller's transaction, as the tenant.

What is added or changed enqueues its job in the same transaction: after the commit, ring the tenant's slot
(`slot_of(tenant_id)`) with Bell(slot, "jobs").
"""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import asyncpg

from domain.kit import blobs, jobs
from domain.kit.db import Conn
from domain.kit.errors import Invalid, NotFound, TooLarge, bad_cursor
from domain.kit.ids import uuid7
from domain.knowledge import queries
from domain.knowledge.formats import MEDIA_TYPES, detect_kind
from domain.knowledge.model import Document, Pair
from domain.knowledge.rules import detect_language, has_words

INGEST: Final = "knowledge.ingest"
EMBED_PAIRS: Final = "knowledge.embed_pairs"
REINDEX: Final = "knowledge.reindex"

MAX_BYTES: Final = 25 << 20  # the default of UPLOAD_MAX_MB
MAX_NAME: Final = 200  # characters of a file name or a title
MAX_QUESTION: Final = 500  # characters; the API's models have the same numbers
MAX_ANSWER: Final = 4_000
MAX_PAGE: Final = 100


async def add_document(
    conn: Conn,
    *,
    tenant_id: UUID,
    assistant_id: UUID | None = None,
    file_name: str,
    data: bytes,
    title: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Document:
    """Store a file and enqueue its ingest. The same content for the same assistant returns the document it already is.

    Raises TooLarge and Invalid (unknown, empty or encrypted file) with one sentence.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"This file is larger than {max_bytes >> 20} MB. Split it and upload the parts.")
    kind = detect_kind(data, file_name)
    name = _clean_name(file_name)
    blob = await blobs.put(conn, tenant_id=tenant_id, data=data)
    title = " ".join((title or "").split())[:MAX_NAME] or PurePosixPath(name).stem
    values = (tenant_id, uuid7(), assistant_id, title, name, MEDIA_TYPES[kind], len(data), blob.id, blob.sha256)
    try:
        document = await queries.insert_document(conn, values=values)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("There is no such assistant.") from error
    if document is not None:
        await jobs.enqueue(conn, tenant_id=tenant_id, kind=INGEST, key=str(document.id))
        return document
    same = await queries.fetch_same_document(
        conn, tenant_id=tenant_id, assistant_id=assistant_id, content_hash=blob.sha256
    )
    return _existing(same)


async def get_document(conn: Conn, *, tenant_id: UUID, document_id: UUID) -> Document:
    """One document. Raises NotFound."""
    return _existing(await queries.fetch_document(conn, tenant_id=tenant_id, document_id=document_id))


async def list_documents(
    conn: Conn, *, tenant_id: UUID, limit: int = 50, cursor: str | None = None
) -> tuple[list[Document], str | None]:
    """Newest first, with the cursor of the next page or None. Raises Invalid for a cursor that is not ours."""
    limit = max(1, min(limit, MAX_PAGE))
    found = await queries.list_documents(conn, tenant_id=tenant_id, before=_before(cursor), limit=limit + 1)
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else None


async def delete_document(conn: Conn, *, tenant_id: UUID, document_id: UUID) -> None:
    """Delete a document, its passages, and its file when nothing else uses it. Raises NotFound."""
    blob_id = await queries.delete_document(conn, tenant_id=tenant_id, document_id=document_id)
    if blob_id is None:
        raise NotFound("There is no such document.")
    await blobs.delete_unused(conn, tenant_id=tenant_id, blob_id=blob_id)


async def reindex_document(conn: Conn, *, tenant_id: UUID, document_id: UUID) -> Document:
    """Read and embed a document again; it stays searchable meanwhile. Raises NotFound."""
    document = await queries.set_state(conn, tenant_id=tenant_id, document_id=document_id, state="queued")
    found = _existing(document)
    # A key of its own: a running ingest may be past its last look at the row, and would leave it queued for ever.
    await jobs.enqueue(
        conn,
        tenant_id=tenant_id,
        kind=INGEST,
        key=f"{document_id}:{uuid7()}",
        payload={"document_id": str(document_id)},
    )
    return found


async def add_pair(
    conn: Conn,
    *,
    tenant_id: UUID,
    assistant_id: UUID | None = None,
    question: str,
    answer: str,
    threshold: float | None = None,
    enabled: bool = True,
) -> Pair:
    """Add a question with its verified answer. `threshold` is the least cosine 0..1 (None: the default).

    Raises Invalid with one sentence.
    """
    question, answer = _checked_pair(question, answer, threshold)
    language = detect_language(f"{question}\n{answer}")
    values = (tenant_id, uuid7(), assistant_id, question, answer, language, threshold, enabled)
    try:
        pair = await queries.insert_pair(conn, values=values)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("There is no such assistant.") from error
    await _enqueue_embedding(conn, pair)
    return pair


async def get_pair(conn: Conn, *, tenant_id: UUID, pair_id: UUID) -> Pair:
    """One pair. Raises NotFound."""
    pair = await queries.fetch_pair(conn, tenant_id=tenant_id, pair_id=pair_id)
    if pair is None:
        raise NotFound("There is no such question and answer.")
    return pair


async def list_pairs(
    conn: Conn, *, tenant_id: UUID, limit: int = 50, cursor: str | None = None
) -> tuple[list[Pair], str | None]:
    """Newest first, with the cursor of the next page or None. Raises Invalid for a cursor that is not ours."""
    limit = max(1, min(limit, MAX_PAGE))
    found = await queries.list_pairs(conn, tenant_id=tenant_id, before=_before(cursor), limit=limit + 1)
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else None


async def update_pair(conn: Conn, *, tenant_id: UUID, pair_id: UUID, **changes: Any) -> Pair:
    """Change any of question, answer, threshold, enabled. Raises NotFound and Invalid."""
    if unknown := changes.keys() - {"question", "answer", "threshold", "enabled"}:
        raise Invalid(f"A question and answer has no {', '.join(sorted(unknown))}.")
    before = await queries.fetch_pair(conn, tenant_id=tenant_id, pair_id=pair_id, lock=True)
    if before is None:
        raise NotFound("There is no such question and answer.")
    after = replace(before, **changes)
    question, answer = _checked_pair(after.question, after.answer, after.threshold)
    language = detect_language(f"{question}\n{answer}")
    pair = await queries.update_pair(conn, replace(after, question=question, answer=answer, language=language))
    if not pair.embedded:
        await _enqueue_embedding(conn, pair)
    return pair


async def delete_pair(conn: Conn, *, tenant_id: UUID, pair_id: UUID) -> None:
    """Delete a pair. Raises NotFound."""
    if not await queries.delete_pair(conn, tenant_id=tenant_id, pair_id=pair_id):
        raise NotFound("There is no such question and answer.")


async def _enqueue_embedding(conn: Conn, pair: Pair) -> None:
    # A key of its own: a job that is already running may have read the pairs before this change.
    await jobs.enqueue(conn, tenant_id=pair.tenant_id, kind=EMBED_PAIRS, key=f"{pair.id}:{uuid7()}")


def _existing(document: Document | None) -> Document:
    if document is None:
        raise NotFound("There is no such document.")
    return document


def _clean_name(file_name: str) -> str:
    """The last part of what the client called it; it is shown and never opened."""
    name = "".join(
        character for character in file_name.replace("\\", "/").rsplit("/", 1)[-1] if character.isprintable()
    )
    return name.strip()[-MAX_NAME:] or "file"


def _before(cursor: str | None) -> UUID | None:
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise bad_cursor() from error


def _checked_pair(question: str, answer: str, threshold: float | None) -> tuple[str, str]:
    question, answer = question.replace("\x00", "").strip(), answer.replace("\x00", "").strip()
    if not has_words(question):
        raise Invalid("The question has no words. Write it as a customer would ask it.")
    if not answer:
        raise Invalid("The answer is empty. Write what the customer should read.")
    if len(question) > MAX_QUESTION:
        raise Invalid(f"The question is longer than {MAX_QUESTION} characters. Shorten it.")
    if len(answer) > MAX_ANSWER:
        raise Invalid(f"The answer is longer than {MAX_ANSWER:,} characters. Shorten it.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise Invalid("The threshold must be between 0 and 1, or empty for the default.")
    return question, answer
