"""Telegram in full: media, albums, edits, business chats."""

revision = "0007"
down_revision = "0006"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
