"""The ledger's schema at any of its revisions, made by the packaged migrations themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, MetaData, text

from syncd.store.tables import metadata
from syncd.store.upgrading import scripts
from tests.support.plain import plain_engine

Shape = dict[str, dict[str, tuple[str, bool, bool]]]
"""Table → column → type, whether it may be empty, whether the database fills it in by itself."""


def revisions() -> list[str]:
    """Return every revision that the ledger ever had, the first one first."""
    return [script.revision for script in scripts().walk_revisions()][::-1]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to a ledger's database beside the ledger, and commit at the end."""
    engine = plain_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def migrate_to(url: str, revision: str) -> None:
    """Bring a database to a revision, as the version that ended with it did."""
    directory = scripts()

    def steps(present: str, _context: MigrationContext) -> list[RevisionStep]:
        return directory._upgrade_revs(revision, present)

    with connected(url) as connection, EnvironmentContext(Config(), directory, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()


def revision_of(url: str) -> str | None:
    """Return the revision that a database says it has, `None` for an empty one."""
    with connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def shape_of(url: str) -> Shape:
    """Return every table with its columns, as the database itself describes them."""
    with connected(url) as connection:
        found = MetaData()
        found.reflect(connection)
    return {
        table.name: {
            column.name: (str(column.type), bool(column.nullable), column.server_default is not None)
            for column in table.columns
        }
        for table in found.sorted_tables
    }


def uniques_of(url: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return what must be unique: table and columns, keys included."""
    with connected(url) as connection:
        found = MetaData()
        found.reflect(connection)
        keys = {
            (table.name, tuple(column.name for column in constraint.columns))  # type: ignore[attr-defined]
            for table in found.sorted_tables
            for constraint in table.constraints
            if type(constraint).__name__ in ("UniqueConstraint", "PrimaryKeyConstraint")
        }
        indexes = {
            (table.name, tuple(column.name for column in index.columns))
            for table in found.sorted_tables
            for index in table.indexes
            if index.unique
        }
    return keys | indexes


def run(url: str, statement: str) -> None:
    """Change a database behind the ledger's back."""
    with connected(url) as connection:
        connection.execute(text(statement))
