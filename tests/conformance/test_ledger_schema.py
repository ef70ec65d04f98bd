"""The schema: migrated once whoever comes first, the same as the code's, and left alone when it is newer."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from syncd.store.migration import newest_revision
from syncd.store.tables import metadata
from syncd.store.upgrading import scripts
from tests.store.bench import NOW, Bench, a_mission, column, run


async def test_concurrent_migrations_of_an_empty_database_wait_for_each_other(bench: Bench) -> None:
    ledgers = [bench.open(f"r{number}") for number in range(3)]

    await asyncio.gather(*(ledger.migrate() for ledger in ledgers))

    assert await column(ledgers[0], "SELECT version_num FROM alembic_version") == [scripts().get_current_head()]
    assert (await ledgers[1].record_rows([a_mission()], now=NOW)).new == 1


async def test_the_migrated_schema_is_the_one_that_the_code_expects(bench: Bench) -> None:
    ledger = await bench.prepared()

    async with ledger._database.engine.connect() as connection:
        differences = await connection.run_sync(_compare)

    assert differences == []


async def test_l06_a_newer_schema_is_left_as_it_is(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await run(ledger, "UPDATE alembic_version SET version_num = '9999'")
    await run(ledger, "ALTER TABLE contracts ADD COLUMN newer VARCHAR")

    await ledger.migrate()

    assert (await ledger.record_rows([a_mission("B")], now=NOW)).new == 1
    assert await column(ledger, "SELECT version_num FROM alembic_version") == ["9999"]


async def test_c10_a_migration_that_is_interrupted_leaves_the_database_as_it_was(bench: Bench) -> None:
    ledger = bench.open()
    migrating = asyncio.create_task(ledger.migrate())
    for _ in range(12):
        await asyncio.sleep(0)
    migrating.cancel()
    await asyncio.gather(migrating, return_exceptions=True)

    await bench.open("r2").migrate()

    assert (await ledger.record_rows([a_mission()], now=NOW)).new == 1


def _compare(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def test_the_newest_migration_is_known_without_alembic() -> None:
    assert newest_revision() == scripts().get_current_head()
