"""Telegram in full: media, albums, edits, business chats."""

from alembic import op

from migrations.rls import tenant_table

revision = "0007"
down_revision = "0006"
phase = "pre"
min_compatible = "0001"

MESSAGES = """
ALTER TABLE messages
    ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]',    -- [{"n", "kind", "file_id", "state", "name", ...}]
    ADD COLUMN context jsonb,                              -- what it replies to, quotes, was forwarded from; its album
    ADD COLUMN edited_at timestamptz;

-- NOT VALID: checked for every new row, without a scan of the old ones, which the narrower rule let in.
ALTER TABLE dialog_events DROP CONSTRAINT dialog_events_kind_check;
ALTER TABLE dialog_events ADD CONSTRAINT dialog_events_kind_check CHECK (
    kind IN ('mode', 'delivery', 'edited', 'attachment', 'reaction', 'blocked')) NOT VALID;

-- The stored bytes of a message's attachments; an attachment whose bytes are not here is known by its description.
CREATE TABLE message_files (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    message_id  uuid NOT NULL,
    n           smallint NOT NULL,                         -- which of the message's attachments, from 0
    blob_id     uuid NOT NULL,
    PRIMARY KEY (tenant_id, message_id, n),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, blob_id) REFERENCES blobs
);
CREATE INDEX message_files_blob ON message_files (tenant_id, blob_id);
"""

# All topics of a forum, when the bot leaves it, or somebody reacts in it.
TOPICS = """
CREATE INDEX dialogs_topics ON dialogs (tenant_id, source, address text_pattern_ops)
    WHERE channel = 'telegram' AND position('/' IN address) > 0;
"""

BUSINESS = """
-- Business accounts that let a bot answer in their private chats.
CREATE TABLE business_connections (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    bot_id        bigint NOT NULL,
    id            text NOT NULL,
    user_id       bigint NOT NULL,                         -- the account's owner
    can_reply     boolean NOT NULL,                        -- enabled, and with the right to reply
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, bot_id, id),
    FOREIGN KEY (tenant_id, bot_id) REFERENCES bots ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Expand."""
    op.execute(MESSAGES)
    op.execute(BUSINESS)
    op.execute(TOPICS)
    tenant_table("message_files")
    tenant_table("business_connections", app="SELECT")


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
