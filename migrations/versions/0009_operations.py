"""Operations: dead letters, the health of bots."""

from alembic import op

from migrations.rls import grant, tenant_table

revision = "0009"
down_revision = "0008"
phase = "pre"
min_compatible = "0001"

DEAD_LETTERS = """
-- A failed or uncertain send that nobody needs to look at any more: a person dismissed it, or sent it again.
ALTER TABLE outbox ADD COLUMN dismissed_at timestamptz;
CREATE INDEX outbox_unsent ON outbox (tenant_id, id) WHERE state IN ('failed', 'uncertain');
"""

HEALTH = """
-- What the owner of a bot's slot saw when it last asked Telegram about the bot.
CREATE TABLE bot_checks (
    tenant_id         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    bot_id            bigint NOT NULL,
    checked_at        timestamptz NOT NULL DEFAULT now(),
    receiving         text NOT NULL CHECK (receiving IN ('webhook', 'polling', 'none')),
    pending           integer,                             -- updates that wait at Telegram
    webhook_error     text,                                -- Telegram's words
    webhook_error_at  timestamptz,
    PRIMARY KEY (tenant_id, bot_id),
    FOREIGN KEY (tenant_id, bot_id) REFERENCES bots ON DELETE CASCADE
);

-- What happened to a bot, by minute: how long Telegram made it wait (429), and sends without a definite outcome.
CREATE TABLE bot_minutes (
    tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    bot_id         bigint NOT NULL,
    minute         timestamptz NOT NULL,
    floods         integer NOT NULL DEFAULT 0,
    flood_seconds  real NOT NULL DEFAULT 0,
    uncertain      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, bot_id, minute)
);
CREATE INDEX bot_minutes_age ON bot_minutes (minute);
"""


def upgrade() -> None:
    """Expand: the old code fills none of this and reads none of it."""
    op.execute(DEAD_LETTERS)
    op.execute(HEALTH)
    grant("inbox", app="UPDATE (state, attempts, error, done_at), DELETE")
    grant("outbox", app="UPDATE (dismissed_at)")
    for table in ("bot_checks", "bot_minutes"):
        tenant_table(table, app="SELECT")


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
