"""Broadcasts and schedules."""

revision = "0008"
down_revision = "0007"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
