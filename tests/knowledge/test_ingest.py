"""Ingest: resumed after a crash, idempotent, honest about failure; and a change of model."""

import pytest

from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.knowledge import jobs, service
from domain.knowledge.model import Document
from tests.knowledge import files
from tests.knowledge.conftest import FakeEmbedder, RunJobs, Tenant

TEXT = "\n\n".join(f"# Part {n}\n\nParagraph number {n} says something about topic{n}." for n in range(20)).encode()


async def _add(db: Database, tenant: Tenant, data: bytes = TEXT, name: str = "a.md") -> Document:
    async with db.tenant_tx(tenant.id) as conn:
        return await service.add_document(
            conn, tenant_id=tenant.id, assistant_id=tenant.assistant_id, file_name=name, data=data
        )


async def _get(db: Database, tenant: Tenant, document: Document) -> Document:
    async with db.tenant_tx(tenant.id) as conn:
        return await service.get_document(conn, tenant_id=tenant.id, document_id=document.id)


async def _rows(db: Database, tenant: Tenant) -> list[tuple[int, str, str, str, int]]:
    q = "SELECT ordinal, heading, text, language, index_id FROM chunks WHERE tenant_id = $1 ORDER BY ordinal"
    async with db.worker_tx() as conn:
        return [tuple(row) for row in await conn.fetch(q, tenant.id)]


async def test_a_document_becomes_passages(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)
    assert await run_jobs() == 1
    ready = await _get(db, tenant, document)
    assert (ready.state, ready.progress, ready.chunk_count, ready.language) == ("ready", 1, 20, "en")
    rows = await _rows(db, tenant)
    assert [row[0] for row in rows] == list(range(20))
    assert rows[3][1:4] == ("Part 3", "Paragraph number 3 says something about topic3.", "en")
    assert [len(call) for call in embedder.calls] == [8, 8, 4]
    assert embedder.calls[0][0] == "Part 0\nParagraph number 0 says something about topic0."


async def test_a_killed_ingest_goes_on_where_it_was(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)
    seen: list[tuple[str, float]] = []

    class Killed(BaseException):
        """Like a cancelled task: nothing of the job's own code runs after it."""

    async def die_before_the_third(batch: int) -> None:
        now = await _get(db, tenant, document)
        seen.append((now.state, round(now.progress, 2)))
        if batch == 2:
            embedder.before_batch = None
            raise Killed

    embedder.before_batch = die_before_the_third
    with pytest.raises(Killed):
        await run_jobs()
    assert seen == [("parsing", 0.0), ("embedding", 0.46), ("embedding", 0.82)]
    assert len(await _rows(db, tenant)) == 16
    assert await run_jobs() == 1  # the next owner's epoch is higher: it takes the running job over
    assert [len(call) for call in embedder.calls] == [8, 8, 4]
    assert len(await _rows(db, tenant)) == 20
    assert (await _get(db, tenant, document)).state == "ready"


async def test_reindexing_embeds_only_what_is_not_there(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)
    await run_jobs()
    before = await _rows(db, tenant)
    async with db.worker_tx() as conn:
        await conn.execute("DELETE FROM chunks WHERE tenant_id = $1 AND ordinal = 5", tenant.id)
        await conn.execute("UPDATE chunks SET ordinal = 99 WHERE tenant_id = $1 AND ordinal = 6", tenant.id)
    embedder.calls.clear()
    async with db.tenant_tx(tenant.id) as conn:
        queued = await service.reindex_document(conn, tenant_id=tenant.id, document_id=document.id)
        assert queued.state == "queued"
    await run_jobs()
    assert [len(call) for call in embedder.calls] == [2]
    assert await _rows(db, tenant) == before
    assert (await _get(db, tenant, document)).state == "ready"


async def test_a_document_deleted_meanwhile_leaves_nothing(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)

    async def delete_it(batch: int) -> None:
        if batch == 1:
            async with db.tenant_tx(tenant.id) as conn:
                await service.delete_document(conn, tenant_id=tenant.id, document_id=document.id)

    embedder.before_batch = delete_it
    assert await run_jobs() == 1
    assert await _rows(db, tenant) == []
    async with db.worker_tx() as conn:
        assert await conn.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pdf", files.encrypted_pdf("secret"), "encrypted. Remove its password"),
        ("a.pdf", b"%PDF-1.4 rubbish", "damaged"),
        ("a.pdf", files.blank_pdf(), "no text in this file"),
        ("a.docx", files.bomb_docx(70_000_000), "unpacks to more than 64 MB"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(
    db: Database, tenant: Tenant, run_jobs: RunJobs, name: str, data: bytes, words: str
) -> None:
    document = await _add(db, tenant, data, name)
    assert await run_jobs() == 1
    failed = await _get(db, tenant, document)
    assert failed.state == "failed"
    assert words in (failed.error or "")


async def test_without_the_embeddings_server_the_document_waits_and_says_why(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)

    async def away(_: int) -> None:
        raise Unavailable("away")

    embedder.before_batch = away
    for _ in range(6):  # more often than a job may fail by its own fault
        await run_jobs()
        waiting = await _get(db, tenant, document)
        assert (waiting.state, waiting.error) == ("embedding", jobs.NOT_EMBEDDED)
        async with db.worker_tx() as conn:
            await conn.execute("UPDATE jobs SET run_at = now() WHERE tenant_id = $1", tenant.id)
    embedder.before_batch = None
    await run_jobs()
    ready = await _get(db, tenant, document)
    assert (ready.state, ready.error) == ("ready", None)


async def test_another_model_embeds_everything_again(
    db: Database, tenant: Tenant, embedder: FakeEmbedder, run_jobs: RunJobs
) -> None:
    document = await _add(db, tenant)
    async with db.tenant_tx(tenant.id) as conn:
        await service.add_pair(conn, tenant_id=tenant.id, question="Why so?", answer="Because.")
    await run_jobs()
    old = await _rows(db, tenant)
    other = FakeEmbedder(model="other", dimension=16)
    async with db.worker_tx() as conn:
        assert await jobs.enqueue_reindex(conn, embedder) == []
        assert await jobs.enqueue_reindex(conn, FakeEmbedder(model="unknown", dimension=None)) == []
        assert await jobs.enqueue_reindex(conn, other) == [tenant.id]
    await run_jobs(other)
    new = await _rows(db, tenant)
    assert [row[:4] for row in new] == [row[:4] for row in old]
    assert {row[4] for row in new}.isdisjoint({row[4] for row in old})
    assert sum(len(call) for call in other.calls) == 20
    assert (await _get(db, tenant, document)).state == "ready"
    async with db.worker_tx() as conn:
        assert await jobs.enqueue_reindex(conn, other) == []
        assert await conn.fetchval("SELECT count(*) FROM jobs") == 0
