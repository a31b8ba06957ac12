"""Search: full text by the passage's language, through functions that see one tenant and use the GIN index."""

from alembic import op

revision = "0005"
down_revision = "0004"
phase = "pre"
min_compatible = "0001"

TABLES = """
-- Vectors stay in the row: scanning 50,000 of 384 dimensions went from 127 to 52 ms, a tenant of 500 from 1.0 to 0.3.
ALTER TABLE chunks ALTER COLUMN embedding SET STORAGE MAIN;
ALTER TABLE qa_pairs ALTER COLUMN embedding SET STORAGE MAIN;

-- Without a pending list: every search would read it, and with a long one the planner prefers to read the table.
ALTER INDEX chunks_tsv SET (fastupdate = off);
ALTER INDEX qa_pairs_tsv SET (fastupdate = off);

-- The same file twice is one document.
CREATE UNIQUE INDEX documents_content ON documents (tenant_id, assistant_id, content_hash) NULLS NOT DISTINCT;
"""

FUNCTIONS = """
-- A language's text search configuration. 'russian' stems Cyrillic words as Russian and Latin ones as English.
CREATE FUNCTION text_config(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE language WHEN 'ru' THEN 'russian'::regconfig WHEN 'en' THEN 'english'::regconfig
           ELSE 'simple'::regconfig END
$$;

-- What is indexed of a passage: the words of its heading path are marked 'A'.
CREATE FUNCTION passage_tsv(language text, heading text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector(text_config(language), coalesce(heading, '')), 'A')
        || setweight(to_tsvector(text_config(language), body), 'D')
$$;

-- Lexemes as a query that any one of them satisfies; null for none. They are quoted: no operator gets in.
CREATE FUNCTION any_of(lexemes text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg('''' || replace(replace(l, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery
    FROM unnest(lexemes) AS l WHERE l <> ''
$$;
"""

# Full-text operators are not leakproof: under row-level security they could not use the index (ADR-0006). So these
# run as their owner and take the tenant from the transaction's setting and from nothing else.
#
# `wanted_lexemes` choose the candidates, all `lexemes` rank them by the sum of their weights, half as much again for
# a word of the heading. At most 2,000 candidates are ranked: that bounds a question made of common words (20 ms of
# 50,000 passages); a tenant with fewer passages is ranked in full. `|| ''` takes a vector out of TOAST once, not once
# for each lexeme.
SEARCH = """
CREATE FUNCTION search_chunks(
    wanted_lexemes text[], lexemes text[], weights real[], assistant uuid, wanted integer
) RETURNS TABLE (chunk_id uuid, rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH terms AS MATERIALIZED (
        SELECT any_of(ARRAY[t.lexeme]) AS term, (any_of(ARRAY[t.lexeme])::text || '\\:A')::tsquery AS heading, t.weight
        FROM unnest(lexemes, weights) AS t (lexeme, weight) WHERE t.lexeme <> ''
    ), found AS MATERIALIZED (
        SELECT c.id, c.tsv || ''::tsvector AS tsv FROM chunks c
        WHERE c.tsv @@ any_of(wanted_lexemes)
          AND c.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
          AND (c.assistant_id IS NULL OR c.assistant_id = assistant)
        LIMIT 2000
    )
    SELECT f.id, s.rank FROM found f, LATERAL (
        SELECT sum(t.weight * CASE WHEN f.tsv @@ t.heading THEN 1.5 ELSE 1 END)::real AS rank
        FROM terms t WHERE f.tsv @@ t.term
    ) s
    WHERE s.rank > 0 ORDER BY s.rank DESC, length(f.tsv), f.id LIMIT wanted
$$;

CREATE FUNCTION search_pairs(lexemes text[], assistant uuid, wanted integer)
RETURNS TABLE (pair_id uuid, rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, ts_rank_cd(p.tsv, any_of(lexemes), 1) AS rank FROM qa_pairs p
    WHERE p.tsv @@ any_of(lexemes) AND p.enabled
      AND p.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
      AND (p.assistant_id IS NULL OR p.assistant_id = assistant)
    ORDER BY rank DESC, p.id LIMIT wanted
$$;
"""

DEFINERS = ("search_chunks(text[], text[], real[], uuid, integer)", "search_pairs(text[], uuid, integer)")


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(SEARCH)
    for function in DEFINERS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO replyx_app")
