"""Alembic's entry: it runs on the connection that `store.migrate` hands over.

On PostgreSQL each migration has a transaction of its own, so that its locks are short; on SQLite all of them are in the
caller's one.
"""

from alembic import context

from store.models import Base

connection = context.config.attributes["connection"]
one_by_one = connection.dialect.name == "postgresql"
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transactional_ddl=one_by_one,
    transaction_per_migration=one_by_one,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
