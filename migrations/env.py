"""Alembic's environment: the connection comes from `ops.migrate`, which also holds the migration lock."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
