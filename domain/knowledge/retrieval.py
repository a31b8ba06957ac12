"""A customer's question -> a verified pair, the best passages, and whether they suffice.

The question is embedded before the transaction; everything is read in one, as the tenant. When the embeddings server
is away, full text alone answers, and the bar for confidence is higher.
"""

import math
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
from domain.knowledge.model import Background, Candidate, QaMatch, Retrieval, Word
from domain.knowledge.search_queries import Scope

NEAREST: Final = 24  # passages by meaning in the question's language; the right one is hardly ever further down
NEAREST_OTHERS: Final = 12  # and in other languages
BY_WORDS: Final = 24
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
        self._directions: dict[str, Vector] = {}

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
        scale = rules.calibration(self._embedder.model) if vector is not None and self._embedder else None
        generic = await self._generic(language) if scale is not None and scale.hubness else None
        async with self._db.tenant_tx(tenant_id) as conn:
            scope = Scope(tenant_id, assistant_id, None, None)
            if scale is not None and vector is not None and (index_id := await self._index(conn, vector)) is not None:
                direction = _away(vector, generic, scale.hubness)
                scope = Scope(tenant_id, assistant_id, index_id, vector, generic, direction)
            embedded = scope.vector is not None
            scale = scale if embedded else None
            words = rules.with_synonyms(rules.content_words(await search_queries.fetch_words(conn, scope, question)))
            pair = await _pair(conn, scope, words, language, scale)
            candidates = await _candidates(conn, scope, words, language)
            background = await _background(conn, scope, scale)
        passages = rules.rank(candidates, words=words, language=language, scale=scale)[:limit]
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

    async def _generic(self, language: str) -> Vector | None:
        """The direction of questions in general in a language, of length 1; embedded once a process."""
        assert self._embedder is not None  # noqa: S101  # there is a vector
        if language not in self._directions:
            questions = rules.GENERIC_QUESTIONS.get(language) or sum(rules.GENERIC_QUESTIONS.values(), ())
            try:
                vectors = [await self._embedder.embed_query(question) for question in questions]
            except Unavailable as error:
                log.warning("embeddings.away", reason=error.detail)
                return None
            total = [sum(numbers) for numbers in zip(*vectors, strict=True)]
            length = math.hypot(*total)
            self._directions[language] = Vector([number / length for number in total])
        return self._directions[language]

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


async def _background(conn: Conn, scope: Scope, scale: rules.Calibration | None) -> Background:
    """Only models that we have not measured are judged by it."""
    if scale is None or scale.deviations is None:
        return Background(0.0, 0.0, 0)
    return await search_queries.fetch_background(conn, scope)


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


async def _candidates(conn: Conn, scope: Scope, words: Sequence[Word], language: str) -> list[Candidate]:
    """What is near by meaning or has the words."""
    nearest: list[UUID] = []
    if scope.vector is not None:
        nearest = await search_queries.fetch_nearest(conn, scope, language=language, own=NEAREST, others=NEAREST_OTHERS)
    lexemes, weights = rules.weighted_lexemes(words)
    by_words = await search_queries.fetch_by_words(
        conn, scope, wanted=rules.rare_lexemes(words), lexemes=lexemes, weights=weights, limit=BY_WORDS
    )
    ids = list(dict.fromkeys((*nearest, *by_words)))
    return await search_queries.fetch_candidates(conn, scope, ids, words) if ids else []


def _away(vector: Vector, generic: Vector | None, hubness: float) -> Vector:
    """The question's direction less what all questions share: nearness to it orders passages as `rules.rank` does."""
    if generic is None:
        return vector
    pairs = zip(vector.to_list(), generic.to_list(), strict=True)
    return Vector([own - hubness * common for own, common in pairs])
