"""Building blocks without a business word; every other package may import them.

settings   the one frozen model of the configuration      tasks    named, owned, guarded asyncio tasks
db         pools by role, `tenant_tx`, `worker_tx`         clock    injected time
redis      the client with the retries that are safe       ids      uuid version 7
batch      group commit: many callers, one statement       sealing  AES-256-GCM for secrets at rest, derived keys
slots      the work-slot function, fixed for life          errors   the typed error tree
schema     the revision this code knows, and the check of the database
records    frozen dataclasses that are cheap to make
jobs       background work by slot, as rows                blobs    files in Postgres
schedules  what becomes a job by the clock                 joblist  jobs as their tenant sees them
log        structured logs that redact secrets             metrics  Prometheus over all processes of a host
"""
