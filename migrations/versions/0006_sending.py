"""Sending: what the outbox needs to keep its limits and its verdicts."""

revision = "0006"
down_revision = "0005"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
