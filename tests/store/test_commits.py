"""What the server says of a transaction's fate, and what older and newer servers are asked."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from syncd.clock import SystemClock
from syncd.store import commits
from syncd.store.commits import Fate, Mark, fate_of, open_on_postgres
from syncd.store.engine import Database
from syncd.store.patience import Limits

IMPATIENT = Limits(deadline=timedelta(seconds=0.3))
FROM_THE_FUTURE = str(2**40)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database(postgres_url, clock=SystemClock(), sqlite_wal=None)
    yield opened
    await opened.aclose()


async def test_b04_a_number_that_was_never_given_is_unknown(database: Database) -> None:
    mark = Mark(number=FROM_THE_FUTURE, epoch="today")

    assert await fate_of(mark, database.engine, SystemClock(), IMPATIENT) is Fate.UNKNOWN


async def test_b04_what_the_server_has_forgotten_is_unknown(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_STATUS", "CAST(nullif(:number, :number) AS text)")

    assert await fate_of(Mark(number="3", epoch="today"), database.engine, SystemClock(), IMPATIENT) is Fate.UNKNOWN


async def test_b04_a_server_that_cannot_be_asked_in_time_leaves_it_unknown() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", clock=SystemClock(), sqlite_wal=None)

    assert await fate_of(Mark(number="3", epoch=None), nowhere.engine, SystemClock(), IMPATIENT) is Fate.UNKNOWN
    await nowhere.aclose()


async def test_b05_a_server_that_does_not_answer_leaves_it_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql://nobody@127.0.0.1:{port}/none", clock=SystemClock(), sqlite_wal=None)

        fate = await fate_of(Mark(number="3", epoch=None), database.engine, SystemClock(), IMPATIENT)

        assert fate is Fate.UNKNOWN
        await database.aclose()


async def test_b05_an_older_server_gets_every_limit_that_it_knows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_WHOLE_LIMIT_SINCE", (99,))
    limits = Limits()

    async with database.engine.connect() as connection:
        await open_on_postgres(connection, limits, SystemClock(), is_write=True)
        shown = await connection.exec_driver_sql("SELECT current_setting('lock_timeout')")

        assert shown.scalar_one() == f"{limits.patience // timedelta(seconds=1)}s"
