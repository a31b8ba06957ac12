"""Background work: read, cut and embed documents; embed the questions of pairs; do it all again for a new model.

Every job converges: it compares what should be stored with what is, and does the rest. So a job that was killed, ran
twice or met another ends in the same rows, and a re-index embeds only what changed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.clients.embeddings import Embedder
from domain.kit import blobs, jobs
from domain.kit.db import Conn
from domain.kit.errors import Unavailable
from domain.kit.ids import uuid7
from domain.kit.jobs import Handler, Job, JobContext
from domain.kit.log import logger
from domain.knowledge import queries
from domain.knowledge.chunking import passages
from domain.knowledge.formats import KINDS
from domain.knowledge.model import Document, Draft
from domain.knowledge.parsers.outline import Unreadable
from domain.knowledge.parsing import parse
from domain.knowledge.service import EMBED_PAIRS, INGEST, REINDEX

BATCH: Final = 8  # passages embedded at once: ~1 s of the local model, so a kill loses little and progress is seen
PAIRS_BATCH: Final = 64  # questions are short
MAX_PASSAGES: Final = 20_000
TOO_LONG: Final = f"This file has more than {MAX_PASSAGES:,} passages. Split it and upload the parts."
NOT_EMBEDDED: Final = "The embeddings server does not answer; this document goes on when it does. Check EMBEDDINGS_URL."
NO_EMBEDDER: Final = "No embeddings server is configured. Set EMBEDDINGS_URL, then re-index this document."
CANCELLED: Final = "Reading this document was cancelled. Re-index it to start again."
PARSED: Final = 0.1  # the share of the progress bar that reading takes

log = logger(__name__)


def ingest_handler(embedder: Embedder) -> Handler:
    """The handler of "knowledge.ingest": the key, or `document_id` in the payload, is the document."""

    async def run(job: Job, context: JobContext) -> None:
        document_id = UUID(job.payload.get("document_id") or job.key)
        try:
            await _ingest(context, job.tenant_id, document_id, embedder)
        except Unavailable:
            await _say_waiting(context, job.tenant_id, document_id)
            raise

    return run


def no_embedder_handler() -> Handler:
    """The handler of "knowledge.ingest" where no embeddings server is configured: the tenant is told."""

    async def run(job: Job, context: JobContext) -> None:
        document_id = UUID(job.payload.get("document_id") or job.key)
        await _fail(context, job.tenant_id, document_id, NO_EMBEDDER)

    return run


def ingest_cancelled_handler() -> Handler:
    """What a cancelled "knowledge.ingest" leaves: a document that says so."""

    async def run(job: Job, context: JobContext) -> None:
        await _fail(context, job.tenant_id, UUID(job.payload.get("document_id") or job.key), CANCELLED)

    return run


def embed_pairs_handler(embedder: Embedder) -> Handler:
    """The handler of "knowledge.embed_pairs": every pair of the tenant without a current vector gets one."""

    async def run(job: Job, context: JobContext) -> None:
        index_id = await _current_index(context, embedder)
        while True:
            async with context.tx() as conn:
                pairs = await queries.fetch_pairs_to_embed(
                    conn, tenant_id=job.tenant_id, index_id=index_id, limit=PAIRS_BATCH
                )
            if not pairs:
                return
            # A pair's question is compared with customers' questions, so it is embedded as one of them.
            vectors = [await embedder.embed_query(question) for _, question in pairs]
            batch = [(*pair, vector) for pair, vector in zip(pairs, vectors, strict=True)]
            async with context.tx() as conn:
                await queries.set_pair_vectors(conn, tenant_id=job.tenant_id, index_id=index_id, batch=batch)

    return run


def reindex_handler(embedder: Embedder) -> Handler:
    """The handler of "knowledge.reindex": the model has changed, everything of the tenant is embedded again."""

    async def run(job: Job, context: JobContext) -> None:
        index_id = await _current_index(context, embedder)
        async with context.tx() as conn:
            for document_id in await queries.fetch_document_ids(conn, tenant_id=job.tenant_id):
                key, payload = f"{document_id}:{index_id}", {"document_id": str(document_id)}
                await jobs.enqueue(conn, tenant_id=job.tenant_id, kind=INGEST, key=key, payload=payload)
            await jobs.enqueue(conn, tenant_id=job.tenant_id, kind=EMBED_PAIRS, key=f"index:{index_id}")

    return run


async def enqueue_reindex(conn: Conn, embedder: Embedder) -> list[UUID]:
    """Enqueue "knowledge.reindex" for every tenant with vectors of another model; returns them, to ring their slots.

    A shard calls it at start, as a worker; nothing happens before the model's dimension is known.
    """
    if embedder.dimension is None:
        return []
    index_id = await queries.ensure_index(conn, model=embedder.model, dimension=embedder.dimension)
    tenants = await queries.fetch_stale_tenants(conn, index_id=index_id)
    for tenant_id in tenants:
        await jobs.enqueue(conn, tenant_id=tenant_id, kind=REINDEX, key=str(index_id))
    return tenants


async def _ingest(context: JobContext, tenant_id: UUID, document_id: UUID, embedder: Embedder) -> None:
    async with context.tx() as conn:
        document = await queries.set_state(conn, tenant_id=tenant_id, document_id=document_id, state="parsing")
        if document is None:
            return  # deleted meanwhile
        data = await blobs.get(conn, tenant_id=tenant_id, blob_id=document.blob_id)
    try:
        drafts = passages(await parse(KINDS[document.media_type], data))
        if len(drafts) > MAX_PASSAGES:
            raise Unreadable(TOO_LONG)
    except Unreadable as error:
        await _fail(context, tenant_id, document_id, str(error))
        return
    work = _Work(context, document, drafts, await _current_index(context, embedder), embedder)
    if await work.embed_missing():
        await work.finish()


@dataclass(slots=True)
class _Work:
    """One document on its way into an index."""

    context: JobContext
    document: Document
    drafts: list[Draft]
    index_id: int
    embedder: Embedder

    async def embed_missing(self) -> bool:
        """Store every passage that is not there yet, a batch at a time; False when the document was deleted."""
        missing = await self._missing()
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            left = len(missing) - start - len(batch)
            if not await self._store(batch, progress=PARSED + (1 - PARSED) * (1 - left / len(self.drafts))):
                return False
        return True

    async def finish(self) -> None:
        """The document is ready: nothing of an earlier, longer reading is left."""
        language = Counter(draft.language for draft in self.drafts).most_common(1)[0][0]
        count = len(self.drafts)
        tenant_id, document_id = self.document.tenant_id, self.document.id
        async with self._locked() as conn:
            if conn is None:
                return
            await queries.delete_passages_from(conn, tenant_id=tenant_id, document_id=document_id, ordinal=count)
            await self._show(conn, state="ready", progress=1, language=language, chunk_count=count)
        log.info("document.ready", tenant=str(tenant_id), document=str(document_id), passages=count)

    async def _missing(self) -> list[Draft]:
        key = {"tenant_id": self.document.tenant_id, "document_id": self.document.id}
        async with self.context.tx() as conn:
            stored = set(await queries.fetch_passages(conn, **key, index_id=self.index_id))
        return [draft for draft in self.drafts if draft not in stored]

    async def _store(self, drafts: Sequence[Draft], *, progress: float) -> bool:
        vectors = await self.embedder.embed_passages([embedded_text(self.document, draft) for draft in drafts])
        batch = [(uuid7(), draft, vector) for draft, vector in zip(drafts, vectors, strict=True)]
        async with self._locked() as conn:
            if conn is None:
                return False
            await queries.replace_passages(conn, document=self.document, index_id=self.index_id, batch=batch)
            await self._show(conn, state="embedding", progress=progress)
        return True

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[Conn | None]:
        """A transaction that holds the document's row; None when the document was deleted."""
        async with self.context.tx() as conn:
            key = {"tenant_id": self.document.tenant_id, "document_id": self.document.id}
            yield conn if await queries.fetch_document(conn, **key, lock=True) is not None else None

    async def _show(self, conn: Conn, **state: Any) -> None:
        await queries.set_state(conn, tenant_id=self.document.tenant_id, document_id=self.document.id, **state)


async def _say_waiting(context: JobContext, tenant_id: UUID, document_id: UUID) -> None:
    """The tenant sees why it takes so long; the job goes on by itself."""
    async with context.tx() as conn:
        await queries.set_state(
            conn, tenant_id=tenant_id, document_id=document_id, state="embedding", progress=PARSED, error=NOT_EMBEDDED
        )


async def _fail(context: JobContext, tenant_id: UUID, document_id: UUID, reason: str) -> None:
    async with context.tx() as conn:
        await queries.set_state(conn, tenant_id=tenant_id, document_id=document_id, state="failed", error=reason)
    log.info("document.failed", tenant=str(tenant_id), document=str(document_id), reason=reason)


def embedded_text(document: Document, draft: Draft) -> str:
    """What is embedded of a passage: its heading path (or the title) says what its text leaves out."""
    return f"{draft.heading or document.title}\n{draft.text}"


async def _current_index(context: JobContext, embedder: Embedder) -> int:
    """The index of the embedder's model; a model we do not know is asked for one vector to learn its dimension."""
    dimension = embedder.dimension or len((await embedder.embed_passages(["."]))[0])
    async with context.tx() as conn:
        return await queries.ensure_index(conn, model=embedder.model, dimension=dimension)
