"""Operations: dead letters, the health of bots."""

revision = "0009"
down_revision = "0008"
phase = "pre"
min_compatible = "0001"


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
