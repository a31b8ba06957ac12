"""The delivery engine: inbox, outbox, members, slots, jobs, usage."""

from alembic import op

from migrations.rls import grant, tenant_table

revision = "0004"
down_revision = "0003"
phase = "pre"
min_compatible = "0001"

OWNERSHIP = """
-- One row per live shard, renewed with the database's clock only.
CREATE TABLE shard_members (
    id            text PRIMARY KEY,                        -- host:program:random
    program       text NOT NULL,                           -- shard-00
    host          text NOT NULL,
    pid           integer NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    draining      boolean NOT NULL DEFAULT false,          -- leaving: wants no slots
    loop_lag_ms   real NOT NULL DEFAULT 0,
    stats         jsonb NOT NULL DEFAULT '{}'
);

-- The fence: a commit made as owner locks its row FOR SHARE and compares the epoch.
CREATE TABLE slot_owners (
    slot       smallint PRIMARY KEY,
    member_id  text,
    epoch      bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO slot_owners (slot) SELECT generate_series(0, 1023);
"""

INBOX = """
-- What we have already accepted, kept 3 days: longer than Telegram redelivers, shorter than an id can return.
CREATE TABLE inbox_keys (
    channel     text NOT NULL,
    source      text NOT NULL,                             -- bot id, or dialog id on the web
    source_id   text NOT NULL,                             -- update_id, or the client's message id
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, source, source_id)
);
CREATE INDEX inbox_keys_age ON inbox_keys (created_at);

CREATE TABLE inbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- order of arrival within a chat
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    slot         smallint NOT NULL,
    channel      text NOT NULL,
    source       text NOT NULL,
    source_id    text NOT NULL,
    raw          bytea NOT NULL,                           -- as it came; parsed later
    state        text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'accepted', 'running', 'done', 'dead')),
    dialog_id    uuid,                                     -- from 'accepted' on
    message_seq  bigint,
    attempts     smallint NOT NULL DEFAULT 0,              -- turns started
    epoch        bigint NOT NULL DEFAULT 0,                -- of the owner that runs it
    answer_id    uuid,                                     -- the committed answer; n rows may share one
    error        text,                                     -- why it is dead
    received_at  timestamptz NOT NULL DEFAULT now(),
    done_at      timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX inbox_open ON inbox (slot, id) WHERE state IN ('ready', 'accepted', 'running');
CREATE INDEX inbox_dead ON inbox (tenant_id, id) WHERE state = 'dead';
CREATE INDEX inbox_done ON inbox (done_at) WHERE state = 'done';
"""

OUTBOX = """
CREATE TABLE outbox (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    slot                 smallint NOT NULL,
    bot_id               bigint NOT NULL,
    dialog_id            uuid NOT NULL,
    message_id           uuid NOT NULL,
    chat_id              bigint NOT NULL,
    part                 smallint NOT NULL DEFAULT 0,      -- long answers are several sends, in order
    parts                smallint NOT NULL DEFAULT 1,
    method               text NOT NULL,
    payload              jsonb NOT NULL,
    priority             smallint NOT NULL DEFAULT 0,      -- 0 replies, 9 broadcasts
    state                text NOT NULL DEFAULT 'ready'
                         CHECK (state IN ('ready', 'sending', 'sent', 'failed', 'uncertain')),
    attempts             smallint NOT NULL DEFAULT 0,
    resends              smallint NOT NULL DEFAULT 0,      -- at most 1: "may have arrived twice"
    epoch                bigint NOT NULL DEFAULT 0,
    not_before           timestamptz NOT NULL DEFAULT now(),
    telegram_message_id  bigint,
    error                text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    sending_at           timestamptz,
    finished_at          timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX outbox_open ON outbox (slot, id) WHERE state IN ('ready', 'sending');
CREATE INDEX outbox_recent ON outbox (slot, sending_at) WHERE state IN ('sending', 'sent', 'uncertain');
CREATE INDEX outbox_finished ON outbox (finished_at) WHERE state IN ('sent', 'failed', 'uncertain');
CREATE INDEX outbox_message ON outbox (tenant_id, message_id);
"""

WORK = """
CREATE TABLE jobs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    kind        text NOT NULL,
    key         text NOT NULL,                             -- one open job per kind and key
    slot        smallint NOT NULL,
    payload     jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'failed')),
    run_at      timestamptz NOT NULL DEFAULT now(),
    attempts    smallint NOT NULL DEFAULT 0,
    epoch       bigint NOT NULL DEFAULT 0,
    progress    jsonb NOT NULL DEFAULT '{}',               -- where to resume
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX jobs_open ON jobs (slot, run_at) WHERE state IN ('ready', 'running');
CREATE UNIQUE INDEX jobs_key ON jobs (tenant_id, kind, key) WHERE state IN ('ready', 'running');

-- What a turn used; captures against the balance are posted in groups, later, elsewhere.
CREATE TABLE usage_records (
    tenant_id          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id                 uuid NOT NULL,
    dialog_id          uuid NOT NULL,
    message_id         uuid NOT NULL,
    kind               text NOT NULL,                      -- answer
    model              text NOT NULL,                      -- 'extractive' without a model
    prompt_tokens      integer NOT NULL DEFAULT 0,
    completion_tokens  integer NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, message_id, kind)
);
"""


def upgrade() -> None:
    for statement in (OWNERSHIP, INBOX, OUTBOX, WORK):
        op.execute(statement)
    grant("shard_members", app="SELECT", worker="SELECT, INSERT, UPDATE, DELETE")
    grant("slot_owners", app="SELECT", worker="SELECT, UPDATE")
    grant("inbox_keys", app="SELECT, INSERT", worker="SELECT, INSERT, DELETE")
    tenant_table("inbox", app="SELECT, INSERT")
    tenant_table("outbox", app="SELECT, INSERT")
    tenant_table("jobs", app="SELECT, INSERT")
    tenant_table("usage_records", app="SELECT")
    # One webhook batch carries updates of many tenants: the gateway may add to the inbox, and read only its tenant's.
    op.execute("CREATE POLICY arrivals ON inbox FOR INSERT TO replyx_app WITH CHECK (true)")
