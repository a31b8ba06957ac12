"""The schema: Alembic revisions in plain SQL, run by the owner through `replyx migrate`.

versions/   one file a revision. `phase = "pre"` expands (before new code starts), `phase = "post"` contracts (after the
            old code is gone). An index on a table that may be large is built CONCURRENTLY, outside a transaction.
rls.py      how a tenant-owned table gets its row-level security and its grants.
env.py      Alembic's entry: it takes the connection that `ops.migrate` opened.

Roles: the owner (runs migrations), `replyx_app` (gateway, under RLS), `replyx_worker` (shards). None is a superuser.
"""
