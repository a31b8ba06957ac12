"""Scaling: how many shards there should be."""

revision = "0010"
down_revision = "0009"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
