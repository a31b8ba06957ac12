"""Broadcasts and their recipients; schedules; jobs that can be looked at, cancelled and asked for again."""

from alembic import op

from migrations.rls import grant, tenant_table

revision = "0008"
down_revision = "0007"
phase = "pre"
min_compatible = "0001"

JOBS = """
ALTER TABLE jobs
    ADD COLUMN again boolean NOT NULL DEFAULT false,       -- asked for once more while it ran
    ADD COLUMN cancelled boolean NOT NULL DEFAULT false;   -- somebody wants it to stop
CREATE INDEX jobs_tenant ON jobs (tenant_id, id);

-- What is to be done again and again: every n seconds, or daily at a local time.
CREATE TABLE schedules (
    tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    kind           text NOT NULL,
    key            text NOT NULL,                          -- of the job, too
    slot           smallint NOT NULL,
    payload        jsonb NOT NULL DEFAULT '{}',
    every_seconds  integer CHECK (every_seconds > 0),
    daily_at       time,
    timezone       text NOT NULL DEFAULT 'UTC',
    next_run       timestamptz NOT NULL,
    last_run       timestamptz,
    PRIMARY KEY (tenant_id, kind, key),
    CHECK ((every_seconds IS NULL) <> (daily_at IS NULL))
);
CREATE INDEX schedules_due ON schedules (slot, next_run);
"""

BROADCASTS = """
CREATE TABLE broadcasts (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id            uuid NOT NULL,
    bot_id        bigint NOT NULL,                         -- the record outlives the bot
    title         text NOT NULL DEFAULT '',
    text          text NOT NULL,                           -- Markdown
    buttons       jsonb NOT NULL DEFAULT '[]',             -- [{"text", "url"}], one a row
    audience      jsonb NOT NULL DEFAULT '{}',
    state         text NOT NULL DEFAULT 'draft'
                  CHECK (state IN ('draft', 'scheduled', 'running', 'paused', 'done', 'cancelled')),
    scheduled_at  timestamptz,
    collected     boolean NOT NULL DEFAULT false,          -- every recipient has its row
    collected_to  uuid,                                    -- the last dialog that was looked at
    total         integer NOT NULL DEFAULT 0,
    sent          integer NOT NULL DEFAULT 0,              -- recipients settled so
    failed        integer NOT NULL DEFAULT 0,
    blocked       integer NOT NULL DEFAULT 0,
    uncertain     integer NOT NULL DEFAULT 0,
    cancelled     integer NOT NULL DEFAULT 0,
    note          text,                                    -- why it does not go on
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 70);
CREATE INDEX broadcasts_running ON broadcasts (tenant_id, bot_id) WHERE state = 'running';

CREATE TABLE broadcast_recipients (
    tenant_id     uuid NOT NULL,
    broadcast_id  uuid NOT NULL,
    dialog_id     uuid NOT NULL,
    state         text NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'queued', 'sent', 'failed', 'blocked', 'uncertain', 'cancelled')),
    message_id    uuid,                                    -- from 'queued' on; its delivery is the truth until settled
    reason        text,
    settled_at    timestamptz,
    PRIMARY KEY (tenant_id, broadcast_id, dialog_id),      -- a recipient is sent to once
    FOREIGN KEY (tenant_id, broadcast_id) REFERENCES broadcasts ON DELETE CASCADE
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- One a state, each with the dialog in its key: with `state` in the key instead, the planner of a table that has just
-- been filled looked through all that wait to find one of them.
CREATE INDEX broadcast_recipients_waiting ON broadcast_recipients (tenant_id, broadcast_id, dialog_id)
    WHERE state = 'waiting';
CREATE INDEX broadcast_recipients_queued ON broadcast_recipients (tenant_id, broadcast_id, dialog_id)
    WHERE state = 'queued';
"""

# A paused broadcast's sends wait in a state of their own: no sender looks at them, none can mark them `sending`.
OUTBOX = """
ALTER TABLE outbox DROP CONSTRAINT outbox_state_check,
    ADD CONSTRAINT outbox_state_check
        CHECK (state IN ('ready', 'sending', 'sent', 'failed', 'uncertain', 'paused')) NOT VALID;
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_state_check;
"""

# A broadcast walks over a bot's dialogs by id, a page at a time. An invalid index may be left of an interrupted try.
AUDIENCE = (
    "DROP INDEX CONCURRENTLY IF EXISTS dialogs_audience",
    "CREATE INDEX CONCURRENTLY dialogs_audience ON dialogs (tenant_id, source, id) WHERE channel = 'telegram'",
)


def upgrade() -> None:
    """Expand. What cannot run in a transaction comes first: nothing is half done if it fails."""
    with op.get_context().autocommit_block():
        for statement in AUDIENCE:
            op.execute(statement)
    for statement in (JOBS, BROADCASTS, OUTBOX):
        op.execute(statement)
    for table in ("schedules", "broadcasts", "broadcast_recipients"):
        tenant_table(table)
    grant("jobs", app="UPDATE, DELETE")
    grant("outbox", app="UPDATE (state)")


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
