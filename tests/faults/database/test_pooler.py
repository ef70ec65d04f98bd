"""B10: two replicas behind a real PgBouncer in transaction mode, which passes sessions on between transactions."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from syncd.database import make_engine
from syncd.errors import Transient
from syncd.store.engine import Transaction
from syncd.store.patience import Limits
from tests.faults.database.judgement import judge
from tests.faults.database.looking import rows
from tests.faults.database.pooler import SERVER_CONNECTIONS, Pooler, pooler_before
from tests.faults.database.site import a_site, is_apprentice
from tests.faults.database.tally import IMPATIENT, add, database_at, is_idle, make_tally, tally
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "forgotten"])
async def test_b10_a_whole_load_goes_through_a_pooler_that_shares_its_connections(
    postgres: PostgresServer, postgres_url: str, is_declared: bool, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """Whether the configuration says that there is a pooler, or an admin forgot it."""
    with pooler_before(postgres.socket_folder) as pooler:
        async with a_site(tmp_path) as site:
            settings = site.settings(pooler.url(postgres_url), SYNCD_DATABASE__POOLER=str(is_declared).lower())
            async with site.replicas(settings, 2):
                watching = asyncio.create_task(_most_at_once(pooler, _name_of(postgres_url)))
                for _ in range(amount(quick=1, deep=8)):
                    await site.validate(8)
                    await site.everybody_works(postgres_url)
                watching.cancel()
                clients, servers = await watching
                locks = rows(postgres_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            found = judge(site, postgres_url)

    assert not found.violations
    assert found.posts == sum(map(is_apprentice, site.numbers))
    assert found.repeated == 0
    assert servers <= SERVER_CONNECTIONS < clients
    assert not is_declared or locks == [(0,)]
    figures.note(
        "behind PgBouncer in transaction mode", declared=str(is_declared), missions=len(site.numbers),
        posts=found.posts, mails=found.mails, clients=clients, servers=servers, doubled=0,
    )  # fmt: skip


async def test_b10_nothing_of_one_replicas_transaction_is_seen_by_the_next(
    postgres: PostgresServer, postgres_url: str
) -> None:
    """One server connection for two replicas: its limits, its isolation and its failures end with the transaction."""
    await make_tally(postgres_url)
    with pooler_before(postgres.socket_folder, servers=1) as pooler:
        impatient, first, second = (
            database_at(pooler.url(postgres_url), limits=limits) for limits in (IMPATIENT, Limits(), Limits())
        )
        await impatient.write(add)
        with pytest.raises(Transient):
            await impatient.write(lambda tx: _execute(tx, "SELECT pg_sleep(60)"))

        await asyncio.gather(*(each.write(add) for each in (first, second) * 20))
        with psycopg.connect(pooler.url(postgres_url), autocommit=True) as other:
            kept = [other.execute(f"SHOW {name}".encode()).fetchone() for name in _LIMITED]

        assert tally(postgres_url) == 41
        assert kept == [("0",), ("0",), ("0",), ("read committed",), ("off",)]
        for each in (impatient, first, second):
            assert is_idle(each)
            await each.aclose()


_LIMITED = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation",
    "transaction_read_only",
)  # fmt: skip


async def test_b10_prepared_statements_would_not_survive_this_pooler(
    postgres: PostgresServer, postgres_url: str
) -> None:
    """The driver's default prepares what is repeated: here that fails, and the pooler is one that would show it."""
    with pooler_before(postgres.socket_folder, servers=1) as pooler:
        clients = [psycopg.connect(pooler.url(postgres_url), autocommit=True) for _ in "ab"]

        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            _repeat_in_turns(clients)
        for client in clients:
            client.close()

    engine = make_engine(postgres_url, key="database.url", patience=timedelta(seconds=1))
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, psycopg.AsyncConnection)
        assert driver.prepare_threshold is None
    await engine.dispose()


def _repeat_in_turns(clients: list[psycopg.Connection]) -> None:
    for number in range(20):
        clients[number % 2].execute("SELECT %s::integer", [number])


async def _execute(tx: Transaction, statement: str) -> None:
    await tx.connection.execute(text(statement))


async def _most_at_once(pooler: Pooler, database: str) -> tuple[int, int]:
    """Watch until told to stop; return how many clients there were at most, and how many connections to the server."""
    clients = servers = 0
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(0.1)
            for pool in await asyncio.to_thread(pooler.show, "POOLS"):
                if pool["database"] == database:
                    clients = max(clients, _sum(pool, "cl_"))
                    servers = max(servers, _sum(pool, "sv_"))
    return clients, servers


def _sum(pool: dict[str, object], prefix: str) -> int:
    return sum(int(str(value)) for name, value in pool.items() if name.startswith(prefix))


def _name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]
