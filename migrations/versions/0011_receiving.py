"""Answering: previews, the messages in which an answer grows where Telegram takes no drafts."""

from alembic import op

revision = "0011"
down_revision = "0010"
phase = "pre"
min_compatible = "0001"

PREVIEWS = """
ALTER TABLE outbox
    ADD COLUMN IF NOT EXISTS preview_of bigint,            -- a preview: the inbox row whose answer grows in it
    ADD COLUMN IF NOT EXISTS preview_over boolean NOT NULL DEFAULT false  -- its turn has ended
"""

# A dialog has one preview that its turn may still edit.
INDEXES = (
    "DROP INDEX CONCURRENTLY IF EXISTS outbox_previews",
    "CREATE UNIQUE INDEX CONCURRENTLY outbox_previews ON outbox (tenant_id, dialog_id)"
    " WHERE preview_of IS NOT NULL AND NOT preview_over",
)


def upgrade() -> None:
    """Expand."""
    op.execute(PREVIEWS)
    with op.get_context().autocommit_block():
        for statement in INDEXES:
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
