"""B08 and B09: transactions that get into each other's way, connections that run out, callers that leave."""

import asyncio
from asyncio.events import Handle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from sqlalchemy import text

from syncd.errors import Transient
from syncd.store import SqlLedger
from syncd.store.engine import Database, Transaction
from syncd.store.patience import Limits
from tests.faults.database.looking import rows
from tests.faults.database.tally import LONGEST_S, add, add_one, database_at, is_idle, make_tally, tally
from tests.store.bench import NO_LIMIT, NOW, Bench, claim, missions, outcome, settle
from tests.support.scale import Amount, Figures

# --------------------------------------------------------------------------------------------------- B08: conflicts


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    await make_tally(postgres_url)
    opened = database_at(postgres_url, connections=8)
    yield opened
    assert is_idle(opened)
    await opened.aclose()


async def test_b08_a_deadlock_costs_time_and_nothing_else(postgres_url: str) -> None:
    """Two lines in opposite order."""
    await make_tally(postgres_url)
    _administer(postgres_url, "SET deadlock_timeout = '20ms'")
    database = database_at(postgres_url, limits=Limits())

    tries: list[int] = []

    async def both(tx: Transaction, *, first: int) -> None:
        tries.append(first)
        await add(tx, first)
        await asyncio.sleep(0.005)
        await add(tx, 1 - first)

    await asyncio.gather(*(database.write(partial(both, first=n % 2)) for n in range(6)))

    assert [tally(postgres_url, line) for line in (0, 1)] == [6, 6]
    assert len(tries) > 6
    await database.aclose()


async def test_b08_a_serialization_failure_is_begun_anew(database: Database, postgres_url: str) -> None:
    """A server whose default is the strictest isolation answers 40001 to whoever read what changed since."""
    _administer(postgres_url, "SET default_transaction_isolation = 'serializable'")
    tries: list[Transaction] = []

    async def read_and_write(tx: Transaction) -> None:
        tries.append(tx)
        seen = (await tx.connection.execute(text("SELECT number FROM tally WHERE line = 0"))).scalar_one()
        await asyncio.sleep(0.002)
        await tx.connection.execute(text("UPDATE tally SET number = :n WHERE line = 0"), {"n": seen + 1})

    done = await asyncio.gather(*(database.write(read_and_write) for _ in range(4)), return_exceptions=True)

    assert len(tries) > 4
    assert tally(postgres_url) == sum(result is None for result in done) >= 3
    assert all(result is None or isinstance(result, Transient) for result in done)


async def test_b08_a_lock_that_is_held_for_long_is_waited_for(database: Database, postgres_url: str) -> None:
    """Longer than one try waits for it: the transaction gives up with 55P03, and is begun anew."""
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE tally SET number = number + 10 WHERE line = 0")
        waiting = asyncio.create_task(add_one(database))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        other.commit()
        await waiting

    assert tally(postgres_url) == 11


async def test_b08_a_lock_that_is_held_for_ever_is_a_general_trouble(database: Database, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE tally SET number = number + 10 WHERE line = 0")
        with pytest.raises(Transient, match="55P03") as failure:
            await asyncio.wait_for(add_one(database), LONGEST_S)
        other.rollback()

    assert failure.value.is_general
    assert tally(postgres_url) == 0


def _administer(url: str, setting: str) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" {setting}'.encode())


# ------------------------------------------------------------------------------------------------- B09: connections


async def test_b09_a_pool_that_is_exhausted_is_left_in_time_and_serves_again(
    database: Database, postgres_url: str
) -> None:
    """Every connection waits for a lock, three times as many callers wait for a connection."""
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE tally")
        waiting = [asyncio.create_task(add_one(database)) for _ in range(24)]
        done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 2 * LONGEST_S)
        other.rollback()

    assert all(isinstance(result, Transient) and result.is_general for result in done)
    assert is_idle(database)
    await asyncio.gather(*(add_one(database) for _ in range(24)))
    assert tally(postgres_url) == 24


class Steps:
    """Counts what the event loop does, and cancels a task at one of its steps."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.task: asyncio.Task[object] | None = None
        self.done = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count from here on; one step is one callback."""
        run = Handle._run

        def count(handle: Handle) -> None:
            self.done += 1
            if self.done == self.at and self.task is not None:
                self.task.cancel()
            run(handle)

        with pytest.MonkeyPatch.context() as standard_library:
            standard_library.setattr(Handle, "_run", count)
            yield


async def cancelled_at(step: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Do the work, cancelled at one step of the event loop; return whether it came to that."""
    steps = Steps(step)
    with steps.counted():
        steps.task = asyncio.ensure_future(work())
        await asyncio.wait({steps.task})
    return steps.task.cancelled()


@pytest.mark.parametrize("work", ["claim", "record", "letters"])
async def test_b09_a_caller_cancelled_at_any_step_leaves_no_connection_and_no_half_work(
    bench: Bench, work: str, amount: Amount, figures: Figures
) -> None:
    """At every step of the event loop until the transaction comes through; every second of them in the quick size."""
    ledger = await bench.prepared(*missions(3))
    stride, step, cancelled = amount(quick=2, deep=1), 1, 0
    prepare, do = _WORKS[work]
    while True:
        await ledger.sign_off()
        prepared = await prepare(ledger)
        was_cancelled = await cancelled_at(step, lambda: do(ledger, prepared))  # noqa: B023 - awaited here
        assert "Current Checked out connections: 0" in ledger.pool_status(), f"at step {step}"
        assert rows(bench.url, _HALF_DONE) == [], f"at step {step}"
        if not was_cancelled:
            break
        cancelled, step = cancelled + 1, step + stride

    assert cancelled > 3
    figures.note(
        "cancelled at a step", work=work, database=bench.url.partition(":")[0], steps=cancelled, leaked=0, half_done=0
    )


async def _nothing(_ledger: SqlLedger) -> None:
    return


async def _claim(ledger: SqlLedger, _prepared: object) -> None:
    await claim(ledger)


async def _claimed(ledger: SqlLedger) -> object:
    return (await claim(ledger)).claims


async def _record(ledger: SqlLedger, claims: object) -> None:
    assert isinstance(claims, tuple)
    await ledger.record([outcome(each) for each in claims], now=NOW, settle=settle, creations=NO_LIMIT)


async def _letters(ledger: SqlLedger, _prepared: object) -> None:
    await ledger.take_letters(limit=2, now=NOW)


_WORKS: dict[str, tuple[Callable[[SqlLedger], Awaitable[object]], Callable[[SqlLedger, object], Awaitable[None]]]] = {
    "claim": (_nothing, _claim), "record": (_claimed, _record), "letters": (_nothing, _letters),
}  # fmt: skip
_HALF_DONE = """
SELECT mission_id FROM contracts WHERE
    (contract_id IS NULL) = EXISTS (SELECT 1 FROM letters WHERE letters.mission_id = contracts.mission_id)
    OR (lease_owner IS NULL) <> (lease_until IS NULL)
"""
"""Linked without its letter, or with a letter and not linked; leased by halves."""
