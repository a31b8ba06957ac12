"""Scaling: how many shards there should be, and what waits for each."""

from alembic import op

from migrations.rls import grant

revision = "0010"
down_revision = "0009"
phase = "pre"
min_compatible = "0001"

WISHES = """
-- What `replyx shards scale` asked for; REPLYX_SHARDS counts where there is no row.
CREATE TABLE shard_wishes (
    host    text PRIMARY KEY,                              -- '' speaks for every host without a row of its own
    shards  smallint NOT NULL CHECK (shards BETWEEN 1 AND 64),
    set_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

# The oldest row of each slot that has no answer yet: one probe of inbox_open a slot, however much waits. It runs as its
# owner, because the gateway's role sees one tenant at a time; it tells ages and slots, nothing of anybody's messages.
LAGS = """
CREATE FUNCTION slot_lags() RETURNS TABLE (slot smallint, waiting_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.slot, oldest.received_at FROM slot_owners o, LATERAL (
        SELECT i.received_at FROM inbox i
        WHERE i.slot = o.slot AND i.state IN ('ready', 'accepted', 'running') ORDER BY i.id LIMIT 1
    ) oldest
$$;
"""


def upgrade() -> None:
    """Expand."""
    op.execute(WISHES)
    op.execute(LAGS)
    op.execute("REVOKE ALL ON FUNCTION slot_lags() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION slot_lags() TO replyx_app, replyx_worker")
    grant("shard_wishes", app="SELECT", worker="SELECT, INSERT, UPDATE, DELETE")


def downgrade() -> None:
    """Migrations go forward only; a backup goes back."""
