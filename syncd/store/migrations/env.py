"""Alembic's entry when a developer writes a migration; `syncd migrate` runs the same scripts without it."""

from alembic import context
from sqlalchemy import create_engine

from syncd.store.tables import metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url", "sqlite://"))
with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()
