"""Search with the real local model: both languages, across languages, pairs, refusal, and one tenant at a time."""

from collections.abc import AsyncIterator

import pytest

from domain.clients.embeddings import LOCAL_MODEL, HttpEmbedder
from domain.kit.clock import SystemClock
from domain.kit.db import Database
from domain.knowledge import service
from domain.knowledge.retrieval import Knowledge
from tests.knowledge.conftest import NewTenant, RunJobs, Tenant

ENGLISH = b"""# Shop rules

## Returns
You can send an unused item back within 30 days of delivery. Choose Return in My orders and put the code on the parcel.

## Delivery
A courier brings the parcel to your door for 300 roubles. Parcels heavier than 30 kg are brought by two people.

## Gift cards
A gift card is valid for three years. It cannot be exchanged for cash.
"""
RUSSIAN = """# Гарантия и ремонт

## Срок гарантии
На палатки действует гарантия пять лет: швы, дуги и молнии чиним бесплатно.

## Платный ремонт
Замена молнии на спальном мешке стоит 900 рублей и занимает до 14 дней.
""".encode()


@pytest.fixture
async def model(embeddings_url: str) -> AsyncIterator[HttpEmbedder]:
    """The local model."""
    embedder = HttpEmbedder(query_url=embeddings_url, model=LOCAL_MODEL)
    embedder.start()
    yield embedder
    await embedder.close()


@pytest.fixture
async def knowledge(db: Database, tenant: Tenant, model: HttpEmbedder, run_jobs: RunJobs) -> Knowledge:
    """A tenant with an English and a Russian document and two pairs."""
    async with db.tenant_tx(tenant.id) as conn:
        await service.add_document(conn, tenant_id=tenant.id, file_name="rules.md", data=ENGLISH)
        await service.add_document(conn, tenant_id=tenant.id, file_name="repair.md", data=RUSSIAN)
        await service.add_pair(conn, tenant_id=tenant.id, question="Is there a student discount?", answer="Yes, 5 %.")
        await service.add_pair(conn, tenant_id=tenant.id, question="Есть ли скидка студентам?", answer="Да, 5 %.")
    await run_jobs(model)
    return Knowledge(db, model, SystemClock())


async def _ask(knowledge: Knowledge, tenant: Tenant, question: str) -> tuple[str | None, bool]:
    """(the heading of the best passage, confident)"""
    found = await knowledge.retrieve(tenant_id=tenant.id, assistant_id=tenant.assistant_id, question=question)
    return (found.passages[0].heading if found.passages else None), found.confident


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("How do I return an item?", "Shop rules › Returns"),
        ("how long can I use a gift card", "Shop rules › Gift cards"),
        ("Сколько лет гарантия на палатку?", "Гарантия и ремонт › Срок гарантии"),
        ("сколько стоит починить молнию на спальнике", "Гарантия и ремонт › Платный ремонт"),
    ],
)
async def test_the_right_passage_comes_first(knowledge: Knowledge, tenant: Tenant, question: str, heading: str) -> None:
    assert await _ask(knowledge, tenant, question) == (heading, True)


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("Как вернуть товар?", "Shop rules › Returns"),
        ("Сколько стоит доставка курьером?", "Shop rules › Delivery"),
        ("How much does it cost to replace the zip of a sleeping bag?", "Гарантия и ремонт › Платный ремонт"),
        ("Wie lange gilt eine Geschenkkarte?", "Shop rules › Gift cards"),
    ],
)
async def test_what_only_the_other_language_has_comes_first_too(
    knowledge: Knowledge, tenant: Tenant, question: str, heading: str
) -> None:
    assert (await _ask(knowledge, tenant, question))[0] == heading


async def test_a_russian_question_is_answered_from_english_documents_alone(
    db: Database, tenant: Tenant, model: HttpEmbedder, run_jobs: RunJobs
) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        await service.add_document(conn, tenant_id=tenant.id, file_name="rules.md", data=ENGLISH)
    await run_jobs(model)
    knowledge = Knowledge(db, model, SystemClock())
    assert await _ask(knowledge, tenant, "Сколько дней у меня есть, чтобы вернуть товар?") == (
        "Shop rules › Returns",
        True,
    )
    assert not (await _ask(knowledge, tenant, "Кто выиграл чемпионат мира по футболу?"))[1]


@pytest.mark.parametrize("question", ["Who won the football match?", "Какая завтра погода?", "👍🔥", "?!", " ", "\x00"])
async def test_what_is_not_known_is_refused(knowledge: Knowledge, tenant: Tenant, question: str) -> None:
    _, confident = await _ask(knowledge, tenant, question)
    assert not confident


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is there a student discount?", "Yes, 5 %."),
        ("Any discounts for students?", "Yes, 5 %."),
        ("Есть скидки для студентов?", "Да, 5 %."),
        ("Is there a discount for pensioners?", None),
        ("Есть ли скидка пенсионерам?", None),
        ("How do I return an item?", None),
    ],
)
async def test_pairs_answer_their_own_question_only(
    knowledge: Knowledge, tenant: Tenant, question: str, answer: str | None
) -> None:
    found = await knowledge.retrieve(tenant_id=tenant.id, assistant_id=tenant.assistant_id, question=question)
    assert (found.pair.answer if found.pair else None) == answer


async def test_pairs_keep_their_own_threshold_and_switch(knowledge: Knowledge, db: Database, tenant: Tenant) -> None:
    async def answers(question: str) -> bool:
        found = await knowledge.retrieve(tenant_id=tenant.id, assistant_id=tenant.assistant_id, question=question)
        return found.pair is not None

    async with db.tenant_tx(tenant.id) as conn:
        pairs, _ = await service.list_pairs(conn, tenant_id=tenant.id)
        for pair in pairs:
            await service.update_pair(conn, tenant_id=tenant.id, pair_id=pair.id, threshold=0.999)
    assert not await answers("Any discounts for students?")
    assert await answers("Is there a student discount?")
    async with db.tenant_tx(tenant.id) as conn:
        for pair in pairs:
            await service.update_pair(conn, tenant_id=tenant.id, pair_id=pair.id, enabled=False)
    assert not await answers("Is there a student discount?")


async def test_without_the_model_words_alone_answer(knowledge: Knowledge, db: Database, tenant: Tenant) -> None:
    away = HttpEmbedder(query_url="http://127.0.0.1:9/v1", model=LOCAL_MODEL)
    away.start()
    try:
        for blind in (Knowledge(db, away, SystemClock()), Knowledge(db, None, SystemClock())):
            found = await blind.retrieve(
                tenant_id=tenant.id, assistant_id=tenant.assistant_id, question="Какая гарантия на палатки?"
            )
            assert (found.embedded, found.confident) == (False, True)
            assert found.passages[0].heading == "Гарантия и ремонт › Срок гарантии"
            found = await blind.retrieve(
                tenant_id=tenant.id, assistant_id=tenant.assistant_id, question="is there a STUDENT discount"
            )
            assert found.pair is not None
            found = await blind.retrieve(
                tenant_id=tenant.id, assistant_id=tenant.assistant_id, question="Is there a discount for tents?"
            )
            assert found.pair is None
            assert await _ask(blind, tenant, "Which elephants fly?") == (None, False)
    finally:
        await away.close()


async def test_a_stranger_finds_nothing(knowledge: Knowledge, new_tenant: NewTenant) -> None:
    stranger = await new_tenant()
    for question in ("How do I return an item?", "Is there a student discount?"):
        found = await knowledge.retrieve(tenant_id=stranger.id, assistant_id=stranger.assistant_id, question=question)
        assert (found.pair, found.passages, found.confident) == (None, (), False)


async def test_an_assistant_knows_its_own_documents_and_the_shared_ones(
    knowledge: Knowledge, db: Database, tenant: Tenant, model: HttpEmbedder, run_jobs: RunJobs, new_tenant: NewTenant
) -> None:
    async with db.tenant_tx(tenant.id) as conn:
        await service.add_document(
            conn,
            tenant_id=tenant.id,
            assistant_id=tenant.assistant_id,
            file_name="own.md",
            data=b"# Kayaks\n\nKayaks are rented by the hour at the lake.",
        )
    await run_jobs(model)
    other = await new_tenant()  # only its id is used: another assistant of the same tenant
    question = "Can I rent a kayak at the lake?"
    assert await _ask(knowledge, tenant, question) == ("Kayaks", True)
    found = await knowledge.retrieve(tenant_id=tenant.id, assistant_id=other.assistant_id, question=question)
    assert "Kayaks" not in [passage.heading for passage in found.passages]


@pytest.mark.parametrize(
    "question", ["'; DROP TABLE chunks; --", "a & b | !c <-> d:*", "\\' \\\\", "ё" * 4000, "x " * 2000]
)
async def test_hostile_questions_are_only_words(knowledge: Knowledge, tenant: Tenant, question: str) -> None:
    await _ask(knowledge, tenant, question)
    assert (await _ask(knowledge, tenant, "How do I return an item?"))[1]
