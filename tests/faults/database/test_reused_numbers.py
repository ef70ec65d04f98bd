"""B06: a server that crashed gives the numbers of the transactions that it lost to others."""

from collections.abc import Iterator

import psycopg
import pytest

from syncd.clock import SystemClock
from syncd.store.commits import Fate, Mark, fate_of, open_on_postgres
from syncd.store.patience import Limits
from tests.faults.database.crashing_server import CrashingServer, crashing_server
from tests.faults.database.tally import IMPATIENT, database_at, make_tally, tally

ADD = "UPDATE tally SET number = number + 1 WHERE line = 0"


@pytest.fixture
def server() -> Iterator[CrashingServer]:
    with crashing_server() as running:
        yield running


async def begin_and_lose(server: CrashingServer) -> Mark:
    """Write in a transaction, and kill the server before it is committed; return by what it was known."""
    database = database_at(server.url())
    connection = await database.engine.connect()
    mark = await open_on_postgres(connection, Limits(), SystemClock(), is_write=True)
    await connection.exec_driver_sql(ADD)
    server.kill()
    await connection.invalidate()
    await database.aclose()
    assert mark is not None
    return mark


def take_its_number(server: CrashingServer, number: str) -> "psycopg.Connection[tuple[str]]":
    """Let others commit until one has this number; return its connection, in that transaction."""
    connection = psycopg.connect(server.url())
    while True:
        found = connection.execute("SELECT CAST(pg_current_xact_id() AS text)").fetchone()
        assert found is not None
        if int(found[0]) >= int(number):
            assert found[0] == number  # it was given once more: that is what this is about
            return connection
        connection.commit()


async def fate(server: CrashingServer, mark: Mark) -> Fate:
    database = database_at(server.url())
    try:
        return await fate_of(mark, database.engine, SystemClock(), IMPATIENT)
    finally:
        await database.aclose()


async def test_b06_what_a_crash_lost_is_not_taken_for_committed_when_another_got_its_number(
    server: CrashingServer,
) -> None:
    await make_tally(server.url())
    mark = await begin_and_lose(server)
    server.start()
    with take_its_number(server, mark.number) as other:
        other.commit()

    assert await fate(server, mark) is Fate.UNKNOWN
    assert tally(server.url()) == 0


async def test_b06_a_number_that_another_has_just_got_is_waited_for_by_nobody(server: CrashingServer) -> None:
    await make_tally(server.url())
    mark = await begin_and_lose(server)
    server.start()

    with take_its_number(server, mark.number):
        assert await fate(server, mark) is Fate.ABORTED


@pytest.mark.parametrize("is_committed", [True, False])
async def test_b04_without_a_crash_the_server_knows_what_became_of_it(
    server: CrashingServer, is_committed: bool
) -> None:
    await make_tally(server.url())
    database = database_at(server.url())
    async with database.engine.connect() as connection:
        mark = await open_on_postgres(connection, Limits(), SystemClock(), is_write=True)
        await connection.exec_driver_sql(ADD)
        await (connection.commit() if is_committed else connection.rollback())
    await database.aclose()
    assert mark is not None

    assert await fate(server, mark) is (Fate.COMMITTED if is_committed else Fate.ABORTED)


async def test_b06_what_was_committed_before_a_crash_is_asked_of_the_data_again(server: CrashingServer) -> None:
    """It cannot be told from another's that got the number: whoever wrote it looks at what is there."""
    await make_tally(server.url())
    database = database_at(server.url())
    async with database.engine.connect() as connection:
        mark = await open_on_postgres(connection, Limits(), SystemClock(), is_write=True)
        await connection.exec_driver_sql(ADD)
        await connection.commit()
    await database.aclose()
    assert mark is not None
    server.kill()
    server.start()

    assert await fate(server, mark) is Fate.UNKNOWN
    assert tally(server.url()) == 1


async def test_an_older_server_that_cannot_tell_its_lives_apart_is_not_believed(server: CrashingServer) -> None:
    await make_tally(server.url())
    database = database_at(server.url())
    async with database.engine.connect() as connection:
        mark = await open_on_postgres(connection, Limits(), SystemClock(), is_write=True)
        await connection.commit()
    await database.aclose()
    assert mark is not None
    assert mark.epoch is not None

    assert await fate(server, Mark(number=mark.number, epoch=None)) is Fate.UNKNOWN
