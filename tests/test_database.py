"""Plain URLs become engines, and errors lose their values."""

import asyncio
import ctypes
import gc
import sqlite3
import weakref
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import IntegrityError, OperationalError

from syncd.database import async_url, close_engine, describe, make_engine, sqlstate_of
from syncd.errors import Misconfigured


@pytest.mark.parametrize(
    ("plain", "full"),
    [
        ("sqlite:///var/x.db", "sqlite+aiosqlite:///var/x.db"),
        ("sqlite:////srv/x.db", "sqlite+aiosqlite:////srv/x.db"),
        ("postgresql://u:p@h:5433/n?sslmode=require", "postgresql+psycopg://u:p@h:5433/n?sslmode=require"),
        ("postgres://u@h/n", "postgresql+psycopg://u@h/n"),
        ("postgresql+asyncpg://u@h/n", "postgresql+psycopg://u@h/n"),
        ("postgresql://u@/n?host=/run/pg", "postgresql+psycopg://u@/n?host=%2Frun%2Fpg"),
        ("postgresql://u@%2Frun%2Fpg/n", "postgresql+psycopg://u@/n?host=%2Frun%2Fpg"),
        ("mariadb://u@h/n", "mariadb+asyncmy://u@h/n"),
        ("mysql://u@h/n", "mysql+asyncmy://u@h/n"),
    ],
)
def test_a_plain_url_gets_the_driver_that_syncd_uses(plain: str, full: str) -> None:
    assert async_url(plain, key="database.url").render_as_string(hide_password=False) == full


@pytest.mark.parametrize(
    "url", ["", "x", "oracle://u:secret@h/n", "sqlite://secret/x.db", "postgresql://u:secret@h:x/n"]
)
def test_a_wrong_url_names_its_setting_and_never_its_value(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        async_url(url, key="database.url")

    assert raised.value.key == "database.url"
    assert "secret" not in f"{raised.value}{raised.value.__cause__}"


def test_a_driver_that_is_not_installed_is_said_so() -> None:
    with pytest.raises(Misconfigured, match="not installed") as raised:
        make_engine("mariadb://u:secret@h/n", key="database.url", patience=timedelta(seconds=1))

    assert "secret" not in str(raised.value)


async def test_a_read_only_sqlite_file_is_neither_written_nor_created(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "there.db").executescript("CREATE TABLE t (x)").connection.close()

    for name in ("there.db", "missing.db"):
        url = f"sqlite:///{tmp_path}/{name}"
        engine = make_engine(url, key="missions.url", patience=timedelta(seconds=1), is_read_only=True)
        with pytest.raises(OperationalError) as raised:
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO t VALUES (1)"))
        assert describe(raised.value).startswith("OperationalError SQLITE_")
        await engine.dispose()
        await asyncio.sleep(0.02)  # the driver's thread outlives a connection that failed

    assert [path.name for path in tmp_path.glob("*")] == ["there.db"]  # noqa: ASYNC240


async def test_a_described_error_has_its_state_and_constraint_and_no_value(postgres_url: str) -> None:
    engine = make_engine(postgres_url, key="database.url", patience=timedelta(seconds=5))

    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (mail text CONSTRAINT one_mail UNIQUE)"))
        await connection.execute(text("INSERT INTO t VALUES ('secret@example.org')"))
        with pytest.raises(IntegrityError) as raised:
            await connection.execute(text("INSERT INTO t VALUES ('secret@example.org')"))

    assert sqlstate_of(raised.value) == "23505"
    assert describe(raised.value) == "UniqueViolation 23505 one_mail"
    await engine.dispose()


async def test_an_engine_opens_no_more_connections_than_it_was_given(postgres_url: str) -> None:
    engine = make_engine(postgres_url, key="database.url", patience=timedelta(seconds=5), connections=1)

    async with engine.connect():
        assert engine.pool.status().startswith("Pool size: 1 ")
        assert "Current Overflow: 0" in engine.pool.status()
    await engine.dispose()


async def test_the_connection_that_was_used_last_is_used_first(any_database_url: str) -> None:
    engine = make_engine(any_database_url, key="database.url", patience=timedelta(seconds=5), connections=3)
    async with engine.connect(), engine.connect(), engine.connect():
        pass  # a burst opened all three

    used = set()
    for _ in range(10):
        async with engine.connect() as connection:
            used.add(id((await connection.get_raw_connection()).driver_connection))

    assert len(used) == 1
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/there.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_o06_a_closed_engine_is_let_go_with_all_that_was_compiled_for_it(any_database_url: str) -> None:
    engine = make_engine(any_database_url, key="database.url", patience=timedelta(seconds=5))
    async with engine.connect() as connection:
        await connection.run_sync(lambda plain: inspect(plain).has_table("contracts"))
        await connection.execute(text("SELECT 1"))
    dialect = weakref.ref(engine.dialect)

    await close_engine(engine)
    del engine, connection
    gc.collect()

    assert dialect() is None


async def test_o06_a_sqlite_connection_keeps_few_pages_and_statements_to_itself(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'l.db'}", key="database.url", patience=timedelta(seconds=5))
    async with engine.connect() as connection:
        pages = (await connection.execute(text("PRAGMA cache_size"))).scalar_one()
        before = memory_in_use()
        for first in range(128):
            await connection.exec_driver_sql(f"SELECT {', '.join(map(str, range(first, first + 60)))}")
        grown = memory_in_use() - before
    await close_engine(engine)

    assert pages == -500
    assert grown < 1_500_000  # all 128 of them, as many as the driver keeps, are three megabytes


async def test_o06_a_sqlite_connection_is_opened_anew_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("sqlalchemy.pool.base.time", SimpleNamespace(time=lambda: now[0]))
    engine = make_engine(f"sqlite:///{tmp_path / 'l.db'}", key="database.url", patience=timedelta(seconds=5))
    opened = list[object]()
    event.listen(engine.sync_engine, "connect", lambda connection, _record: opened.append(connection))

    for seconds in (0, 60, 100):
        now[0] += seconds
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    await close_engine(engine)

    assert len(opened) == 2


def memory_in_use() -> int:
    """Return how many bytes of the C library's heap are in use."""
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

    class Mallinfo(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    return int(mallinfo().uordblks)
