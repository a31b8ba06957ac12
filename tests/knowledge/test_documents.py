"""Documents and pairs through the service, on a real Postgres."""

from uuid import uuid4

import pytest

from domain.kit.db import Database
from domain.kit.errors import Invalid, NotFound, TooLarge
from domain.knowledge import service
from tests.knowledge.conftest import NewTenant, RunJobs, Tenant


async def test_the_same_file_twice_is_one_document(db: Database, tenant: Tenant) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        first = await service.add_document(conn, tenant_id=tenant.id, file_name="C:\\docs\\a.txt", data=b"Hello there")
        again = await service.add_document(conn, tenant_id=tenant.id, file_name="b.txt", data=b"Hello there")
        other = await service.add_document(
            conn, tenant_id=tenant.id, assistant_id=tenant.assistant_id, file_name="b.txt", data=b"Hello there"
        )
        jobs = await conn.fetchval("SELECT count(*) FROM jobs WHERE kind = 'knowledge.ingest'")
    assert first == again
    assert (first.file_name, first.title, first.state, first.media_type) == ("a.txt", "a", "queued", "text/plain")
    assert other.id != first.id
    assert other.blob_id == first.blob_id
    assert jobs == 2


async def test_deleting_removes_passages_and_the_file_when_nothing_else_uses_it(
    db: Database, tenant: Tenant, run_jobs: RunJobs
) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        one = await service.add_document(conn, tenant_id=tenant.id, file_name="a.txt", data=b"Hello there")
        two = await service.add_document(
            conn, tenant_id=tenant.id, assistant_id=tenant.assistant_id, file_name="a.txt", data=b"Hello there"
        )
    await run_jobs()
    counts = "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM blobs), (SELECT count(*) FROM documents)"
    for document, left in ((one, (1, 1, 1)), (two, (0, 0, 0))):
        async with db.tenant_tx(tenant.id) as conn:
            await service.delete_document(conn, tenant_id=tenant.id, document_id=document.id)
            assert tuple(await conn.fetchrow(counts) or ()) == left


async def test_other_tenants_documents_do_not_exist(db: Database, tenant: Tenant, new_tenant: NewTenant) -> None:
    stranger = await new_tenant()
    async with db.tenant_tx(tenant.id) as conn:
        document = await service.add_document(conn, tenant_id=tenant.id, file_name="a.txt", data=b"Hello there")
        pair = await service.add_pair(conn, tenant_id=tenant.id, question="Why?", answer="Because.")
    async with db.tenant_tx(stranger.id) as conn:
        assert await service.list_documents(conn, tenant_id=stranger.id) == ([], None)
        for call in (
            service.get_document(conn, tenant_id=stranger.id, document_id=document.id),
            service.delete_document(conn, tenant_id=stranger.id, document_id=document.id),
            service.reindex_document(conn, tenant_id=stranger.id, document_id=document.id),
            service.get_document(conn, tenant_id=tenant.id, document_id=document.id),  # not even with the right id
            service.get_pair(conn, tenant_id=stranger.id, pair_id=pair.id),
            service.update_pair(conn, tenant_id=stranger.id, pair_id=pair.id, answer="No."),
            service.delete_pair(conn, tenant_id=stranger.id, pair_id=pair.id),
        ):
            with pytest.raises(NotFound):
                await call
    async with db.tenant_tx(stranger.id) as conn:
        same = await service.add_document(conn, tenant_id=stranger.id, file_name="a.txt", data=b"Hello there")
        assert same.id != document.id


async def test_documents_are_listed_in_pages(db: Database, tenant: Tenant) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        for number in range(5):
            await service.add_document(
                conn, tenant_id=tenant.id, file_name=f"{number}.txt", data=f"Text {number}".encode(), title=f"T{number}"
            )
        seen, cursor = [], None
        while True:
            page, cursor = await service.list_documents(conn, tenant_id=tenant.id, limit=2, cursor=cursor)
            seen += [document.title for document in page]
            if cursor is None:
                break
        assert seen == ["T4", "T3", "T2", "T1", "T0"]
        with pytest.raises(Invalid):
            await service.list_documents(conn, tenant_id=tenant.id, cursor="not-a-cursor")


async def test_what_cannot_be_stored_is_refused_at_once(db: Database, tenant: Tenant) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        with pytest.raises(TooLarge, match="larger than 1 MB"):
            await service.add_document(
                conn, tenant_id=tenant.id, file_name="a.txt", data=b"a" * 1_100_000, max_bytes=1 << 20
            )
        with pytest.raises(Invalid, match="not supported"):
            await service.add_document(conn, tenant_id=tenant.id, file_name="a.png", data=b"\x89PNG\r\n\x1a\n\x00\x01")
        assert await conn.fetchval("SELECT count(*) FROM blobs") == 0
    with pytest.raises(NotFound, match="no such assistant"):
        async with db.tenant_tx(tenant.id) as conn:
            await service.add_document(conn, tenant_id=tenant.id, assistant_id=uuid4(), file_name="a", data=b"Hello")


async def test_pairs_are_added_changed_listed_and_deleted(db: Database, tenant: Tenant, run_jobs: RunJobs) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        pair = await service.add_pair(conn, tenant_id=tenant.id, question=" Есть скидка? ", answer="Да, 5 %.")
    assert (pair.question, pair.language, pair.embedded, pair.threshold) == ("Есть скидка?", "ru", False, None)
    await run_jobs()
    async with db.tenant_tx(tenant.id) as conn:
        answer = await service.update_pair(conn, tenant_id=tenant.id, pair_id=pair.id, answer="Нет.", threshold=0.9)
        assert (answer.answer, answer.embedded) == ("Нет.", True)
        question = await service.update_pair(conn, tenant_id=tenant.id, pair_id=pair.id, question="A discount?")
        assert not question.embedded
        assert question.threshold == pytest.approx(0.9)
    await run_jobs()
    async with db.tenant_tx(tenant.id) as conn:
        pairs, cursor = await service.list_pairs(conn, tenant_id=tenant.id)
        assert [(found.question, found.embedded) for found in pairs] == [("A discount?", True)]
        assert cursor is None
        await service.delete_pair(conn, tenant_id=tenant.id, pair_id=pair.id)
        with pytest.raises(NotFound):
            await service.get_pair(conn, tenant_id=tenant.id, pair_id=pair.id)


@pytest.mark.parametrize(
    ("question", "answer", "threshold", "sentence"),
    [
        ("👍", "Yes", None, "no words"),
        ("Why?", "  ", None, "answer is empty"),
        ("w" * 501, "Yes", None, "longer than 500"),
        ("Why?", "a" * 4001, None, "longer than 4,000"),
        ("Why?", "Yes", 1.5, "between 0 and 1"),
    ],
)
async def test_bad_pairs_are_refused(
    db: Database, tenant: Tenant, question: str, answer: str, threshold: float | None, sentence: str
) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        with pytest.raises(Invalid, match=sentence):
            await service.add_pair(conn, tenant_id=tenant.id, question=question, answer=answer, threshold=threshold)
        pair = await service.add_pair(conn, tenant_id=tenant.id, question="Why?", answer="Because.")
        with pytest.raises(Invalid, match="has no language"):
            await service.update_pair(conn, tenant_id=tenant.id, pair_id=pair.id, language="ru")
