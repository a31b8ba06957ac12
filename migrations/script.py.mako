"""${message}."""

from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"
phase = "pre"
min_compatible = "${down_revision}"


def upgrade() -> None:
    op.execute("")
