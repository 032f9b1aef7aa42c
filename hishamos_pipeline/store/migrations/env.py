"""Alembic's entry: runs on the connection that ``store.database.upgrade`` hands over."""

from alembic import context

from hishamos_pipeline.store.base import Base
from hishamos_pipeline.store.database import version_table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    # Dagster keeps its own revision in the same database, under Alembic's usual name.
    version_table=version_table(context.config.attributes["connection"]),
)
with context.begin_transaction():
    context.run_migrations()
