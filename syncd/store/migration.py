"""Brings the schema to this version, where it is not there yet."""

from pathlib import Path

from sqlalchemy import text

from syncd.store.engine import Transaction
from syncd.store.part import LedgerPart

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_ALONE = 0x73796E6364  # the number of the lock is "syncd"
_HAS_REVISION = {
    True: text("SELECT to_regclass('alembic_version') IS NOT NULL"),
    False: text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"),
}
_REVISION = text("SELECT version_num FROM alembic_version")


class Migration(LedgerPart):
    """Migrating."""

    async def migrate(self) -> bool:
        """Bring the schema to this version; false when it is a newer version's. Concurrent callers wait for each other.

        The whole migration is one transaction: killed anywhere, the database is as it was. A schema of a newer version
        is left as it is, for newer versions only add to it.
        """

        async def work(tx: Transaction) -> bool:
            if await _revisions_of(tx) == [newest_revision()]:
                return True
            if tx.is_postgres:  # for this transaction alone: a pooler may stand between
                await tx.connection.execute(text("SELECT set_config('lock_timeout', '25s', true)"))
                await tx.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ALONE})
            from syncd.store.upgrading import upgrade  # Alembic takes ten megabytes, and stays: not for nothing

            return await tx.connection.run_sync(upgrade)

        return await self._database.write(work)


def newest_revision() -> str:
    """Return the number of the newest packaged migration."""
    return max(file.name[1:5] for file in _VERSIONS.glob("v[0-9]*.py"))


async def _revisions_of(tx: Transaction) -> list[str]:
    if not (await tx.connection.execute(_HAS_REVISION[tx.is_postgres])).scalar_one():
        return []
    return list((await tx.connection.execute(_REVISION)).scalars())
