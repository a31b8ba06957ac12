"""Tenants, embedders and a job runner for the tests of the knowledge slice."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID
from zlib import crc32

import pytest

from domain.kit.db import Database
from domain.kit.ids import uuid7
from domain.kit.settings import Settings
from domain.knowledge import jobs, service
from tests.embeddings import local_embeddings
from tests.jobrunner import add_tenant, own_all_slots, run_due


@dataclass
class FakeEmbedder:
    """Words hashed into a vector: equal words are near, and that is all it knows."""

    model: str = "words"
    dimension: int | None = 64
    calls: list[list[str]] = field(default_factory=list)
    before_batch: Callable[[int], Awaitable[None]] | None = None

    async def embed_query(self, text: str) -> list[float]:
        return self._vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        if self.before_batch is not None:
            await self.before_batch(len(self.calls))
        self.calls.append(list(texts))
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.001] * (self.dimension or 8)
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % len(vector)] += 1
        return vector


@dataclass(frozen=True)
class Tenant:
    """A tenant with one assistant."""

    id: UUID
    assistant_id: UUID


NewTenant = Callable[[], Awaitable[Tenant]]


@pytest.fixture
def new_tenant(settings: Settings) -> NewTenant:
    """Makes tenants."""

    async def make() -> Tenant:
        tenant = Tenant(uuid7(), uuid7())
        await add_tenant(settings.owner_dsn, tenant_id=tenant.id, assistant_id=tenant.assistant_id)
        return tenant

    return make


@pytest.fixture
async def tenant(new_tenant: NewTenant) -> Tenant:
    """One tenant."""
    return await new_tenant()


@pytest.fixture
def embedder() -> FakeEmbedder:
    """An embedder without a model."""
    return FakeEmbedder()


RunJobs = Callable[..., Awaitable[int]]


@pytest.fixture
def run_jobs(db: Database, embedder: FakeEmbedder) -> RunJobs:
    """Runs every due knowledge job as the owner of all slots; takes another embedder."""

    async def run(using: FakeEmbedder | None = None) -> int:
        chosen = using or embedder
        handlers = {
            service.INGEST: jobs.ingest_handler(chosen),
            service.EMBED_PAIRS: jobs.embed_pairs_handler(chosen),
            service.REINDEX: jobs.reindex_handler(chosen),
        }
        return await run_due(db, await own_all_slots(db), handlers)

    return run


@pytest.fixture(scope="session")
def embeddings_url() -> Iterator[str]:
    """The real local model's server."""
    with local_embeddings() as url:
        yield url
