"""A customer's question -> a verified pair, the best passages, and whether they suffice.

The question is embedded before the transaction; everything is read in one, as the tenant. When the embeddings server
is away, full text alone answers, and the bar for confidence is higher.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from pgvector import Vector

from domain.clients.embeddings import MAX_QUERY_CHARS, Embedder
from domain.kit.clock import Clock
from domain.kit.db import Conn, Database
from domain.kit.errors import Unavailable
from domain.kit.log import logger
from domain.kit.metrics import Counter, Histogram
from domain.knowledge import queries, rules, search_queries
from domain.knowledge.model import Background, Passage, QaMatch, Retrieval, Word
from domain.knowledge.search_queries import Found, Scope

CANDIDATES: Final = 40  # of each ranking; a passage that is 41st in one is hardly ever first after fusion
PAIR_CANDIDATES: Final = 3

log = logger(__name__)

_SECONDS = Histogram(
    "replyx_retrieve_seconds", "Time to search the knowledge", buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5)
)
_OUTCOMES = Counter("replyx_retrievals_total", "Searches by outcome", ["outcome"])


class Knowledge:
    """Searches what the assistants of any tenant know."""

    def __init__(self, db: Database, embedder: Embedder | None, clock: Clock) -> None:
        self._db = db
        self._embedder = embedder
        self._clock = clock
        self._indexes: dict[tuple[str, int], int] = {}

    async def retrieve(self, *, tenant_id: UUID, assistant_id: UUID, question: str, limit: int = 5) -> Retrieval:
        """The pair and at most `limit` passages for a question. Raises Unavailable when the database is away."""
        started = self._clock.monotonic()
        found = await self._retrieve(tenant_id, assistant_id, question.replace("\x00", "")[:MAX_QUERY_CHARS], limit)
        _SECONDS.observe(self._clock.monotonic() - started)
        _OUTCOMES.labels("pair" if found.pair else "passages" if found.confident else "unsure").inc()
        return found

    async def _retrieve(self, tenant_id: UUID, assistant_id: UUID, question: str, limit: int) -> Retrieval:
        language = rules.detect_language(question)
        if not rules.has_words(question):
            return Retrieval(None, (), confident=False, embedded=False, language=language)
        vector = await self._embed(question)
        async with self._db.tenant_tx(tenant_id) as conn:
            index_id = await self._index(conn, vector) if vector is not None else None
            scope = Scope(tenant_id, assistant_id, index_id, vector if index_id is not None else None)
            words = rules.content_words(await search_queries.fetch_words(conn, scope, question))
            embedded = scope.vector is not None
            scale = rules.calibration(self._embedder.model) if embedded and self._embedder else None
            pair = await _pair(conn, scope, words, language, scale)
            passages, background = await _passages(conn, scope, words, language, limit)
        confident = rules.is_confident(passages, language=language, background=background, scale=scale)
        return Retrieval(pair, tuple(passages), confident=confident, embedded=embedded, language=language)

    async def _embed(self, question: str) -> Vector | None:
        if self._embedder is None:
            return None
        try:
            return Vector(await self._embedder.embed_query(question))
        except Unavailable as error:
            log.warning("embeddings.away", reason=error.detail)
            return None

    async def _index(self, conn: Conn, vector: Vector) -> int | None:
        """The index of the current model; rows of embedding_indexes never change, so it is looked up once."""
        assert self._embedder is not None  # noqa: S101  # there is a vector
        key = (self._embedder.model, vector.dimensions())
        if key not in self._indexes:
            index_id = await queries.fetch_index(conn, model=key[0], dimension=key[1])
            if index_id is None:
                return None
            self._indexes[key] = index_id
        return self._indexes[key]


async def _pair(
    conn: Conn, scope: Scope, words: Sequence[Word], language: str, scale: rules.Calibration | None
) -> QaMatch | None:
    if scope.vector is not None:
        ids = await search_queries.fetch_nearest_pairs(conn, scope, PAIR_CANDIDATES)
    else:
        ids = await search_queries.fetch_pairs_by_words(conn, scope, words, PAIR_CANDIDATES)
    for found in await search_queries.fetch_found_pairs(conn, scope, ids, words) if ids else ():
        if rules.pair_fits(found, words=words, language=language, scale=scale):
            return QaMatch(found.id, found.question, found.answer, found.language, found.cosine)
    return None


async def _passages(
    conn: Conn, scope: Scope, words: Sequence[Word], language: str, limit: int
) -> tuple[list[Passage], Background]:
    """The best passages of both rankings, fused, and how near this tenant's passages are in general."""
    by_vector: list[UUID] = []
    background = Background(0.0, 0.0, 0)
    if scope.vector is not None:
        by_vector = await search_queries.fetch_nearest(conn, scope, CANDIDATES)
        background = await search_queries.fetch_background(conn, scope)
    lexemes, weights = rules.weighted_lexemes(words)
    by_words = await search_queries.fetch_by_words(
        conn, scope, wanted=rules.rare_lexemes(words), lexemes=lexemes, weights=weights, limit=CANDIDATES
    )
    scores = rules.fuse(by_vector, by_words)
    shown = list(scores)[: limit * 3]
    found = await search_queries.fetch_found(conn, scope, shown, words) if shown else {}
    ranked = [_passage(found[chunk], words, scores[chunk], language) for chunk in shown if chunk in found]
    return sorted(ranked, key=lambda passage: -passage.score)[:limit], background


def _passage(found: Found, words: Sequence[Word], score: float, language: str) -> Passage:
    return Passage(
        chunk_id=found.id,
        document_id=found.document_id,
        title=found.title,
        heading=found.heading,
        page=found.page,
        text=found.text,
        language=found.language,
        cosine=found.cosine,
        coverage=rules.coverage(words, found.found),
        score=score * (rules.OTHER_LANGUAGE if found.language != language else 1),
    )
