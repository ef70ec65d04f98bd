"""B05: PostgreSQL, or what stands before it, falls silent with the socket open. Everybody lets go in time."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from syncd.errors import Transient
from syncd.store.engine import Database, Transaction
from syncd.store.patience import Limits
from tests.faults.database.proxy import Fate, Proxy, Way, proxy_before
from tests.faults.database.tally import (
    IMPATIENT,
    LONGEST_S,
    add,
    add_one,
    database_at,
    is_idle,
    make_tally,
    read_tally,
    tally,
)
from tests.support.scale import Amount, Figures

WORKS: dict[str, Callable[[Database], Awaitable[object]]] = {"reading": read_tally, "writing": add_one}


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    await make_tally(postgres_url)
    async with proxy_before(postgres_url) as serving:
        yield serving


async def took_s(work: Awaitable[object]) -> float:
    """Return how long it took until the database was given up."""
    began = time.monotonic()
    with pytest.raises(Transient) as failure:
        await work
    assert failure.value.is_general
    return time.monotonic() - began


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("way", [Way.TO_SERVER, Way.TO_CLIENT])
async def test_b05_a_server_that_says_nothing_is_left_at_the_deadline(
    proxy: Proxy, postgres_url: str, way: Way, work: str, amount: Amount, figures: Figures
) -> None:
    """Deep: with the limits of production. The driver alone would wait ten seconds more."""
    limits = Limits() if amount(quick=0, deep=1) else IMPATIENT
    database = database_at(proxy.url(postgres_url), limits=limits)
    await WORKS[work](database)
    proxy.hush(way)

    took = await took_s(WORKS[work](database))

    assert is_idle(database)
    proxy.speak()
    await WORKS[work](database)
    assert (
        limits.deadline.total_seconds()
        <= took
        < limits.deadline.total_seconds() + 3 * limits.farewell.total_seconds() + 0.5
    )
    figures.note(
        "left a silent database",
        way=way.name or "",
        work=work,
        deadline_s=limits.deadline.total_seconds(),
        took_s=round(took, 2),
    )
    await database.aclose()


async def test_b05_a_machine_that_vanished_is_noticed_long_before_the_deadline(
    proxy: Proxy, postgres_url: str, figures: Figures, amount: Amount
) -> None:
    """Nothing is acknowledged any more on the connection; a new one is answered, as after a failover."""
    patience = timedelta(seconds=amount(quick=1, deep=5))
    database = database_at(proxy.url(postgres_url), limits=Limits(patience=patience))
    await add_one(database)
    proxy.vanish(for_ever=False)

    began = time.monotonic()
    await add_one(database)
    took = time.monotonic() - began

    assert tally(postgres_url) == 2
    assert took < 3 * patience.total_seconds() < Limits().deadline.total_seconds()
    figures.note("a vanished machine noticed", patience_s=patience.total_seconds(), took_s=round(took, 2))
    await database.aclose()


async def test_b05_a_machine_that_is_gone_for_good_is_a_general_trouble(proxy: Proxy, postgres_url: str) -> None:
    database = database_at(proxy.url(postgres_url), limits=Limits(patience=timedelta(seconds=1)))
    await add_one(database)
    proxy.vanish()

    took = await took_s(add_one(database))

    proxy.come_back()
    await add_one(database)
    assert took < 10
    assert tally(postgres_url) == 2
    await database.aclose()


async def test_b05_every_connection_bounds_the_silence_of_its_peer(proxy: Proxy, postgres_url: str) -> None:
    database = database_at(proxy.url(postgres_url), limits=Limits())

    async def options(tx: Transaction) -> dict[str, int]:
        connection = await tx.connection.get_raw_connection()
        assert isinstance(connection.driver_connection, psycopg.AsyncConnection)
        with closing(socket.socket(fileno=connection.driver_connection.fileno())) as own:
            found = {name: own.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in _TCP_OPTIONS}
            found["SO_KEEPALIVE"] = own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            own.detach()
            return found

    assert await database.read(options) == _TCP_OPTIONS | {"SO_KEEPALIVE": 1}
    await database.aclose()


_TCP_OPTIONS = {"TCP_USER_TIMEOUT": 5000, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


@pytest.mark.parametrize("is_write", [True, False])
async def test_b05_the_server_bounds_every_transaction_and_keeps_nothing_of_it(
    postgres_url: str, is_write: bool
) -> None:
    database = database_at(postgres_url, limits=Limits(), connections=1)

    async def settings(tx: Transaction) -> dict[str, str]:
        query = "SELECT name, setting || unit FROM pg_settings WHERE name LIKE '%\\_timeout'"
        return {name: value for name, value in await tx.connection.execute(text(query)) if name in _SERVER_LIMITS}

    found = await (database.write(settings) if is_write else database.read(settings))
    async with database.engine.connect() as same_session:
        kept = (await same_session.execute(text("SELECT current_setting('statement_timeout')"))).scalar_one()

    assert found == _SERVER_LIMITS
    assert kept == "0"
    await database.aclose()


_SERVER_LIMITS = {
    "lock_timeout": "5000ms", "statement_timeout": "25000ms", "idle_in_transaction_session_timeout": "5000ms",
    "transaction_timeout": "30000ms",
}  # fmt: skip


async def test_b05_a_statement_without_end_is_ended_by_the_server(postgres_url: str) -> None:
    await make_tally(postgres_url)
    database = database_at(postgres_url)

    async def dawdle(tx: Transaction) -> None:
        await add(tx)
        await tx.connection.execute(text("SELECT pg_sleep(60)"))

    began = time.monotonic()
    with pytest.raises(Transient, match="57014"):
        await database.write(dawdle)

    assert time.monotonic() - began < IMPATIENT.deadline.total_seconds()
    assert tally(postgres_url) == 0
    assert is_idle(database)
    await database.aclose()


@pytest.mark.parametrize("fate", [Fate.UNANSWERED, Fate.HALF_RESET])
async def test_b05_a_commit_into_silence_is_found_out_about(
    proxy: Proxy, postgres_url: str, fate: Fate, figures: Figures
) -> None:
    """Carried out or not: afterwards the number is one more, and nobody holds the row."""
    database = database_at(proxy.url(postgres_url))
    fates = iter([fate])
    proxy.judge = lambda: next(fates, Fate.ANSWERED)

    began = time.monotonic()
    await add_one(database)
    took = time.monotonic() - began

    assert tally(postgres_url) == 1
    assert is_idle(database)
    assert took < LONGEST_S
    figures.note(
        "a COMMIT into silence", fate=fate.name, deadline_s=IMPATIENT.deadline.total_seconds(), took_s=round(took, 2)
    )
    await database.aclose()


async def test_b05_a_client_that_vanished_in_a_transaction_keeps_nobody_waiting(
    proxy: Proxy, postgres_url: str, figures: Figures
) -> None:
    """The server hears nothing of the client's end, and gives its locks back after the time that the client set."""
    silent, other = database_at(proxy.url(postgres_url)), database_at(postgres_url)

    has_vanished = asyncio.Event()

    async def fall_silent(tx: Transaction) -> None:
        await add(tx)
        proxy.hush(Way.TO_SERVER)
        has_vanished.set()
        await asyncio.sleep(60)

    vanishing = asyncio.create_task(silent.write(fall_silent))
    await has_vanished.wait()
    began = time.monotonic()
    await add_one(other)
    took = time.monotonic() - began

    assert tally(postgres_url) == 1
    assert took < LONGEST_S
    figures.note("locks of a silent client", idle_limit_s=IMPATIENT.patience.total_seconds(), took_s=round(took, 2))
    with pytest.raises(Transient):
        await vanishing
    await silent.aclose()
    await other.aclose()
