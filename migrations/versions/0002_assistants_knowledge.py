"""Assistants and what they know: documents, passages (chunks), Q&A pairs, files, and the embedding indexes."""

from alembic import op

from migrations.rls import grant, tenant_table

revision = "0002"
down_revision = "0001"
phase = "pre"
min_compatible = "0001"

TABLES = """
CREATE TABLE assistants (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id            uuid NOT NULL,
    name          text NOT NULL,
    instructions  text NOT NULL DEFAULT '',
    model         text,                                    -- null: OPENAI_MODEL
    temperature   real NOT NULL DEFAULT 0.2 CHECK (temperature BETWEEN 0 AND 2),
    language      text NOT NULL DEFAULT 'auto',            -- auto: the customer's
    greeting      jsonb NOT NULL DEFAULT '{}',             -- {"ru": "...", "en": "..."}
    suggestions   jsonb NOT NULL DEFAULT '{}',             -- {"ru": ["..."], "en": ["..."]}
    mode          text NOT NULL DEFAULT 'answer' CHECK (mode IN ('answer', 'echo')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

-- Files in the database (DESIGN section 6): any process on any host can read them. Stored once per tenant and content.
CREATE TABLE blobs (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id          uuid NOT NULL,
    sha256      bytea NOT NULL,
    size        bigint NOT NULL,
    data        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, sha256)
);
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE documents (
    tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id             uuid NOT NULL,
    assistant_id   uuid,                                   -- null: every assistant of the tenant knows it
    title          text NOT NULL,
    file_name      text NOT NULL,
    media_type     text NOT NULL,
    size           bigint NOT NULL,
    blob_id        uuid NOT NULL,
    content_hash   bytea NOT NULL,
    language       text,
    state          text NOT NULL DEFAULT 'queued'
                   CHECK (state IN ('queued', 'parsing', 'embedding', 'ready', 'failed')),
    progress       real NOT NULL DEFAULT 0,                -- 0..1
    error          text,                                   -- a sentence for the tenant
    chunk_count    integer NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, blob_id) REFERENCES blobs
);

-- The dimension is a property of the index; a new model is a new index, and everything is embedded again.
CREATE TABLE embedding_indexes (
    id         smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model      text NOT NULL,
    dimension  integer NOT NULL,
    UNIQUE (model, dimension)
);

CREATE TABLE chunks (
    tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id             uuid NOT NULL,
    document_id    uuid NOT NULL,
    assistant_id   uuid,
    ordinal        integer NOT NULL,
    heading        text,
    page           integer,
    text           text NOT NULL,
    language       text NOT NULL,
    tsv            tsvector NOT NULL,
    index_id       smallint NOT NULL REFERENCES embedding_indexes,
    embedding      vector NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX chunks_document ON chunks (tenant_id, document_id, ordinal);
CREATE INDEX chunks_index ON chunks (tenant_id, index_id);
CREATE INDEX chunks_tsv ON chunks USING gin (tsv);

CREATE TABLE qa_pairs (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id            uuid NOT NULL,
    assistant_id  uuid,
    question      text NOT NULL,
    answer        text NOT NULL,
    language      text NOT NULL,
    threshold     real,                                    -- cosine; null: the default
    enabled       boolean NOT NULL DEFAULT true,
    tsv           tsvector NOT NULL,
    index_id      smallint REFERENCES embedding_indexes,   -- null: not embedded yet
    embedding     vector,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants ON DELETE CASCADE
);
CREATE INDEX qa_pairs_tsv ON qa_pairs USING gin (tsv);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("assistants", "blobs", "documents", "chunks", "qa_pairs"):
        tenant_table(table)
    grant("embedding_indexes", app="SELECT, INSERT", worker="SELECT, INSERT")
