"""Row-level security and grants, the same for every tenant-owned table."""

from alembic import op

TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
ALL = "SELECT, INSERT, UPDATE, DELETE"


def tenant_table(name: str, *, app: str = ALL, worker: str = ALL) -> None:
    """Enable and force RLS on `name`: the app role sees the current tenant only, workers name their tenants.

    FORCE binds the owner too, so the owner has a policy of its own: data migrations and the SECURITY DEFINER
    search functions must see rows (ADR-0006).
    """
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {name} TO replyx_app USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})"
    )
    op.execute(f"CREATE POLICY worker ON {name} TO replyx_worker USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY owner ON {name} TO CURRENT_USER USING (true) WITH CHECK (true)")
    grant(name, app=app, worker=worker)


def grant(name: str, *, app: str = "", worker: str = "") -> None:
    """Grant rights on a table; an empty string grants none."""
    if app:
        op.execute(f"GRANT {app} ON {name} TO replyx_app")
    if worker:
        op.execute(f"GRANT {worker} ON {name} TO replyx_worker")
