"""Q13: a mission store that is locked or slow keeps neither the daemon from its work nor anybody from writing."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from syncd.adapters.missions import SqlMissionStore
from syncd.daemon import Daemon
from syncd.model import Step
from syncd.service import ServiceManager
from tests.adapters.missions.test_on_sqlite import ENDLESS
from tests.jobs.workshop import Workshop, id_of, numbered, open_workshop, until
from tests.world.missions import Missions, mission

A_SHORT_QUERY = timedelta(seconds=0.3)


@asynccontextmanager
async def daemon_on(folder: Path, url: str, relation: str = "validated_missions") -> AsyncIterator[Workshop]:
    """Run a daemon on a mission store, with one contract in CACTUS."""
    store = SqlMissionStore(url, relation=relation, query_timeout=A_SHORT_QUERY)
    async with open_workshop(folder, folder, missions=store) as workshop:
        await workshop.initialised(7)
        manager = ServiceManager(address=None, watchdog=None)
        daemon = Daemon(workshop.works, manager=manager, may_reload=lambda: True, grace=timedelta(seconds=0.2))
        task = asyncio.create_task(daemon.run())
        try:
            await until(lambda: daemon.is_ready or task.done())
            yield workshop
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def goes_on_without_the_store(workshop: Workshop) -> None:
    """The store is in trouble: it is noted, and contracts move on all the same."""
    await until(lambda: has_failed(workshop))
    found = await workshop.cactus.find(numbered(7).mission_id)
    assert found is not None
    workshop.cactus.fill_student(found.contract_id)

    async def has_moved() -> bool:
        workshop.clock.advance(timedelta(seconds=10))  # again and again: the daemon may just have looked
        return await workshop.stands_at(7, Step.AWAITING_COMPANY)

    await until(has_moved)


async def has_failed(workshop: Workshop) -> bool:
    """Whether the last reading of the store failed."""
    return any(flow.flow == "missions" and flow.last_error is not None for flow in await workshop.ledger.flows())


async def comes_back(workshop: Workshop) -> None:
    """The store is well again: what it has is read."""

    async def is_read() -> bool:
        workshop.clock.advance(timedelta(seconds=10))
        return id_of(1) in await workshop.ledger.known_ids([id_of(1)])

    await until(is_read)
    await until(lambda: workshop.stands_at(1, Step.AWAITING_STUDENT))


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep a SQLite file to oneself."""
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield


async def test_q13_a_locked_store_pauses_discovery_alone_and_is_read_when_it_is_free(tmp_path: Path) -> None:
    missions = Missions(tmp_path / "store.sqlite3")
    missions.put(mission(1))
    async with daemon_on(tmp_path, f"sqlite:///{missions.file}") as workshop:
        with locked(missions.file):
            workshop.clock.advance(timedelta(minutes=1))
            await goes_on_without_the_store(workshop)
        await comes_back(workshop)


def hurry(file: Path) -> None:
    """Let the store's view be fast again."""
    with closing(sqlite3.connect(file)) as application, application:
        application.execute("UPDATE switches SET slow = 0")


async def test_q13_a_query_of_half_a_minute_is_left_and_nobody_waits_to_write(tmp_path: Path) -> None:
    missions = Missions(tmp_path / "store.sqlite3")
    missions.put(mission(1))
    view = (
        f"CREATE VIEW slow AS {ENDLESS} SELECT m.* FROM validated_missions AS m, switches"  # noqa: S608
        " WHERE switches.slow = 0 OR (SELECT max(i) FROM n) > 0"
    )
    with closing(sqlite3.connect(missions.file)) as application, application:
        application.execute("CREATE TABLE switches (slow)")
        application.execute("INSERT INTO switches VALUES (1)")
        application.execute(view)

    async with daemon_on(tmp_path, f"sqlite:///{missions.file}", relation="slow") as workshop:
        await goes_on_without_the_store(workshop)
        begun = time.monotonic()
        await asyncio.to_thread(missions.change, "FVMA-2025-0001", mission_title="Autre titre")
        wrote_in_s = time.monotonic() - begun
        await asyncio.to_thread(hurry, missions.file)
        await comes_back(workshop)

    assert wrote_in_s < 3  # of thirty, on whatever machine


async def test_q13_a_locked_table_of_a_server_blocks_neither_the_daemon_nor_who_waits_behind_it(
    tmp_path: Path, postgres_url: str
) -> None:
    """A reader that waits for a lock stands before every writer that comes after it: it must not wait long."""
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in mission(1))
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as application:
        await application.execute(sql.SQL("CREATE TABLE validated_missions ({})").format(columns))
        await application.execute("BEGIN")
        await application.execute("LOCK TABLE validated_missions IN ACCESS EXCLUSIVE MODE")
        async with daemon_on(tmp_path, postgres_url) as workshop:
            await goes_on_without_the_store(workshop)
            await application.execute("COMMIT")
            begun = time.monotonic()
            row = {name: None if value is None else str(value) for name, value in mission(1).items()}
            places = sql.SQL(", ").join(sql.Placeholder() for _ in row)
            await application.execute(
                sql.SQL("INSERT INTO validated_missions VALUES ({})").format(places), list(row.values())
            )
            wrote_in_s = time.monotonic() - begun
            await comes_back(workshop)

    assert wrote_in_s < 3  # of thirty, on whatever machine
