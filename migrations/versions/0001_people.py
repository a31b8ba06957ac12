"""People and workspaces: users, tenants, members; and the record of which code may use this schema."""

from alembic import op

from migrations.rls import TENANT, grant, tenant_table

revision = "0001"
down_revision = None
phase = "pre"
min_compatible = "0001"

GLOBAL = """
-- The oldest code that may run on this schema; `replyx migrate` and every process compare before they start.
CREATE TABLE schema_compat (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    min_compatible  text NOT NULL
);

-- Global: a person may belong to several tenants. E-mail addresses are stored in lower case.
CREATE TABLE users (
    id             uuid PRIMARY KEY,
    email          text NOT NULL UNIQUE CHECK (email = lower(email)),
    name           text NOT NULL DEFAULT '',
    locale         text NOT NULL DEFAULT 'en',
    password_hash  text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tenants (
    id                uuid PRIMARY KEY,
    name              text NOT NULL,
    -- what happens to a reply whose delivery is unknown: sent once more and marked, or held for a person
    uncertain_policy  text NOT NULL DEFAULT 'resend' CHECK (uncertain_policy IN ('resend', 'hold')),
    created_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('owner', 'operator')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
"""

# Signing in needs a person's workspaces before a tenant is known.
MEMBERSHIPS_OF = """
CREATE FUNCTION memberships_of(person uuid) RETURNS TABLE (tenant_id uuid, tenant_name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.tenant_id, t.name, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = person ORDER BY m.created_at
$$;
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(GLOBAL)
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public TO replyx_app, replyx_worker")
    grant("schema_compat", app="SELECT", worker="SELECT")
    grant("users", app="SELECT, INSERT, UPDATE")
    op.execute("ALTER TABLE tenants ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE tenants FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON tenants TO replyx_app USING (id = {TENANT})")
    op.execute("CREATE POLICY worker ON tenants TO replyx_worker USING (true)")
    op.execute("CREATE POLICY owner ON tenants TO CURRENT_USER USING (true) WITH CHECK (true)")
    grant("tenants", app="SELECT, INSERT, UPDATE", worker="SELECT")
    tenant_table("memberships", worker="SELECT")
    op.execute(MEMBERSHIPS_OF)
    op.execute("REVOKE ALL ON FUNCTION memberships_of(uuid) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION memberships_of(uuid) TO replyx_app")
