"""SQL of retrieval: the question's words, the candidates by vector and by text, and what is shown of them.

Everything runs as the tenant. The text searches are functions of migration 0005, because under row-level security
the GIN index could not be used otherwise. Vectors are typed parameters: `$n::text::vector` is parsed once a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pgvector import Vector

from domain.kit.db import Conn
from domain.knowledge.model import Background, Candidate, PairCandidate, Word

SAMPLE: Final = 200  # passages that stand for all when word shares and the background of cosines are measured

# The content words of a question (stop words of both languages left out), the lexemes they may be indexed as, and
# the share of sampled passages that have them. Token types 12..17 are blanks, tags and wholes whose parts follow.
QUESTION_WORDS = """
WITH words AS MATERIALIZED (
    SELECT p.word, any_of(l.lexemes) AS term, l.lexemes
    FROM (SELECT DISTINCT lower(token) AS word FROM ts_parse('default', $2) WHERE tokid NOT BETWEEN 12 AND 17) p,
    LATERAL (SELECT tsvector_to_array(to_tsvector('russian', p.word) || to_tsvector('english', p.word)
                                      || to_tsvector('simple', p.word)) AS lexemes) l
    WHERE to_tsvector('russian', p.word) <> ''::tsvector AND to_tsvector('english', p.word) <> ''::tsvector
), sample AS MATERIALIZED (
    SELECT c.tsv || ''::tsvector AS tsv FROM chunks c
    WHERE c.tenant_id = $1 AND (c.assistant_id IS NULL OR c.assistant_id = $3) LIMIT $4
)
SELECT w.word, w.lexemes,
    (SELECT count(*) FROM sample s WHERE s.tsv @@ w.term)::float8 / greatest((SELECT count(*) FROM sample), 1) AS share
FROM words w ORDER BY w.word LIMIT 64
"""

# The nearest passages of the current index, an exact scan of the tenant's vectors: in the question's language, and in
# others, whose cosines are lower and which would otherwise never come up.
NEAREST = """
(SELECT c.id FROM chunks c
 WHERE c.tenant_id = $1 AND c.index_id = $2 AND (c.assistant_id IS NULL OR c.assistant_id = $3) AND c.language = $5
 ORDER BY c.embedding <=> $4 LIMIT $6)
UNION ALL
(SELECT c.id FROM chunks c
 WHERE c.tenant_id = $1 AND c.index_id = $2 AND (c.assistant_id IS NULL OR c.assistant_id = $3) AND c.language <> $5
 ORDER BY c.embedding <=> $4 LIMIT $7)
"""

# How near the tenant's passages are to this question in general.
BACKGROUND = """
SELECT avg(s.cosine) AS mean, stddev_pop(s.cosine) AS deviation, count(*) AS sampled FROM (
    SELECT 1 - (c.embedding <=> $4) AS cosine FROM chunks c
    WHERE c.tenant_id = $1 AND c.index_id = $2 AND (c.assistant_id IS NULL OR c.assistant_id = $3) LIMIT $5) s
"""

# The best passages by words.
BY_WORDS = "SELECT chunk_id FROM search_chunks($1::text[], $2::text[], $3::real[], $4, $5)"

# The passages to show, with the words of the question that each has.
FETCH_FOUND = """
WITH terms AS MATERIALIZED (
    SELECT t.word, any_of(array_agg(t.lexeme)) AS term FROM unnest($5::text[], $6::text[]) AS t (word, lexeme)
    GROUP BY t.word
)
SELECT c.id, c.document_id, d.title, c.heading, c.page, c.text, c.language,
    CASE WHEN c.index_id = $3 THEN 1 - (c.embedding <=> $4) END AS cosine,
    CASE WHEN c.index_id = $3 THEN 1 - (c.embedding <=> $7) END AS hub,
    ARRAY(SELECT t.word FROM terms t WHERE c.tsv @@ t.term) AS found
FROM chunks c JOIN documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id
WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[])
"""

# The Q&A pairs whose question is nearest.
NEAREST_PAIRS = """
SELECT p.id FROM qa_pairs p
WHERE p.tenant_id = $1 AND p.enabled AND p.index_id = $2 AND (p.assistant_id IS NULL OR p.assistant_id = $3)
ORDER BY p.embedding <=> $4 LIMIT $5
"""

# The best Q&A pairs by words, for when there is no vector.
PAIRS_BY_WORDS = "SELECT pair_id FROM search_pairs($1::text[], $2, $3)"

# Candidate pairs with the words of the question that their own question, or the whole pair, has.
FETCH_FOUND_PAIRS = """
WITH terms AS MATERIALIZED (
    SELECT t.word, any_of(array_agg(t.lexeme)) AS term FROM unnest($5::text[], $6::text[]) AS t (word, lexeme)
    GROUP BY t.word
)
SELECT p.id, p.question, p.answer, p.language, p.threshold,
    CASE WHEN p.index_id = $3 THEN 1 - (p.embedding <=> $4) ELSE 0 END AS cosine,
    ARRAY(SELECT t.word FROM terms t WHERE ts_filter(p.tsv, '{a}') @@ t.term) AS in_question,
    ARRAY(SELECT t.word FROM terms t WHERE p.tsv @@ t.term) AS in_pair,
    length(ts_filter(p.tsv, '{a}')) AS question_words
FROM qa_pairs p WHERE p.tenant_id = $1 AND p.id = ANY($2::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose knowledge is searched, under which index (None: nothing was embedded yet) and for which vector.

    `generic` is the direction of questions in general, `direction` the question's own with some of that taken off.
    """

    tenant_id: UUID
    assistant_id: UUID
    index_id: int | None
    vector: Vector | None
    generic: Vector | None = None
    direction: Vector | None = None


async def fetch_words(conn: Conn, scope: Scope, question: str) -> list[Word]:
    """The question's content words."""
    rows = await conn.fetch(QUESTION_WORDS, scope.tenant_id, question, scope.assistant_id, SAMPLE)
    return [Word(row["word"], tuple(row["lexemes"]), row["share"]) for row in rows]


async def fetch_nearest(conn: Conn, scope: Scope, *, language: str, own: int, others: int) -> list[UUID]:
    """Passages nearest to the scope's direction: `own` in the language of the question, `others` not."""
    args = (scope.tenant_id, scope.index_id, scope.assistant_id, scope.direction, language, own, others)
    return [row["id"] for row in await conn.fetch(NEAREST, *args)]


async def fetch_background(conn: Conn, scope: Scope) -> Background:
    """The cosines of a sample."""
    args = (scope.tenant_id, scope.index_id, scope.assistant_id, scope.vector, SAMPLE)
    row = await conn.fetchrow(BACKGROUND, *args)
    if row is None or not row["sampled"]:
        return Background(0.0, 0.0, 0)
    return Background(row["mean"], row["deviation"], row["sampled"])


async def fetch_by_words(
    conn: Conn, scope: Scope, *, wanted: Sequence[str], lexemes: Sequence[str], weights: Sequence[float], limit: int
) -> list[UUID]:
    """Passages by words, best first."""
    rows = await conn.fetch(BY_WORDS, wanted, lexemes, weights, scope.assistant_id, limit)
    return [row["chunk_id"] for row in rows]


async def fetch_candidates(conn: Conn, scope: Scope, ids: Sequence[UUID], words: Sequence[Word]) -> list[Candidate]:
    """The passages, measured against the question and against questions in general."""
    args = (scope.tenant_id, ids, scope.index_id, scope.vector, *_terms(words), scope.generic or scope.vector)
    rows = await conn.fetch(FETCH_FOUND, *args)
    return [Candidate(**{name: row[name] for name in Candidate.__slots__}) for row in rows]


async def fetch_nearest_pairs(conn: Conn, scope: Scope, limit: int) -> list[UUID]:
    """Pairs by vector, nearest first."""
    args = (scope.tenant_id, scope.index_id, scope.assistant_id, scope.vector, limit)
    return [row["id"] for row in await conn.fetch(NEAREST_PAIRS, *args)]


async def fetch_pairs_by_words(conn: Conn, scope: Scope, words: Sequence[Word], limit: int) -> list[UUID]:
    """Pairs by words, best first."""
    lexemes = sorted({lexeme for word in words for lexeme in word.lexemes})
    return [row["pair_id"] for row in await conn.fetch(PAIRS_BY_WORDS, lexemes, scope.assistant_id, limit)]


async def fetch_found_pairs(
    conn: Conn, scope: Scope, ids: Sequence[UUID], words: Sequence[Word]
) -> list[PairCandidate]:
    """The pairs, nearest first."""
    args = (scope.tenant_id, ids, scope.index_id, scope.vector, *_terms(words))
    rows = await conn.fetch(FETCH_FOUND_PAIRS, *args)
    found = [PairCandidate(**{name: row[name] for name in PairCandidate.__slots__}) for row in rows]
    return sorted(found, key=lambda pair: -pair.cosine)


def _terms(words: Sequence[Word]) -> tuple[list[str], list[str]]:
    flat = [(word.text, lexeme) for word in words for lexeme in word.lexemes]
    return [text for text, _ in flat], [lexeme for _, lexeme in flat]
