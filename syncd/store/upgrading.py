"""Runs the migrations that are packaged beside this file, with Alembic."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from syncd.store.tables import metadata


def scripts() -> ScriptDirectory:
    """Return the packaged migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(connection: Connection) -> bool:
    """Bring the schema to this version; false when it is a newer version's."""
    directory = scripts()
    known = {script.revision for script in directory.walk_revisions()}
    if not set(MigrationContext.configure(connection).get_current_heads()) <= known:
        return False

    def steps(revision: str, _context: MigrationContext) -> list[RevisionStep]:
        return directory._upgrade_revs("head", revision)  # noqa: SLF001 - what `alembic upgrade` itself calls

    with EnvironmentContext(Config(), directory, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()
    return True
