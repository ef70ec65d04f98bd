"""Brings the schema to this version, with the Alembic environment that is packaged beside this file."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from syncd.store.engine import Transaction
from syncd.store.part import LedgerPart
from syncd.store.tables import metadata

_ALONE = 0x73796E6364  # the number of the lock is "syncd"


class Migration(LedgerPart):
    """Migrating."""

    async def migrate(self) -> bool:
        """Bring the schema to this version; false when it is a newer version's. Concurrent callers wait for each other.

        The whole migration is one transaction: killed anywhere, the database is as it was. A schema of a newer version
        is left as it is, for newer versions only add to it.
        """

        async def work(tx: Transaction) -> bool:
            if tx.is_postgres:  # for this transaction alone: a pooler may stand between
                await tx.connection.execute(text("SELECT set_config('lock_timeout', '25s', true)"))
                await tx.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ALONE})
            return await tx.connection.run_sync(_upgrade)

        return await self._database.write(work)


def scripts() -> ScriptDirectory:
    """Return the packaged migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection) -> bool:
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
