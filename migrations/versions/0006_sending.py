"""Sending: what the outbox needs to keep its limits and its verdicts."""

from alembic import op

revision = "0006"
down_revision = "0005"
phase = "pre"
min_compatible = "0001"

# Of each bot the first rows of a kind, however many wait behind them; and the few that are on the wire.
INDEXES = (
    "DROP INDEX CONCURRENTLY IF EXISTS outbox_ready",
    "CREATE INDEX CONCURRENTLY outbox_ready ON outbox (slot, bot_id, (priority >= 9), priority, id)"
    " WHERE state = 'ready'",
    "DROP INDEX CONCURRENTLY IF EXISTS outbox_sending",
    "CREATE INDEX CONCURRENTLY outbox_sending ON outbox (slot, id) WHERE state = 'sending'",
    "DROP INDEX CONCURRENTLY IF EXISTS outbox_open",
)


def upgrade() -> None:
    """Expand."""
    with op.get_context().autocommit_block():
        for statement in INDEXES:
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
