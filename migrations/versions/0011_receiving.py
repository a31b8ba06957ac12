"""Receiving: the inbox's hot path."""

revision = "0011"
down_revision = "0010"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
