"""Entry point of Alembic: migrates a database over an open connection."""

from alembic import context

from reassess.annotation.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
