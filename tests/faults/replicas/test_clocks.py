"""Replicas whose clocks stand still or go wrong: leases follow the database's, and a late result is refused."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.clock import SystemClock
from syncd.jobs.keep import keep_house
from syncd.model import Step
from syncd.store import SqlLedger
from syncd.store.engine import Database, Transaction
from tests.jobs.remotes import HangingCactus
from tests.jobs.workshop import id_of, numbered, open_workshop
from tests.store.bench import NOW, Bench, claim, column, link_all, missions, run
from tests.support.clock import FixedClock

A_LEASE = timedelta(minutes=1)
SKEW = timedelta(minutes=5)


async def test_t03_a_machine_that_slept_brings_nothing_home(postgres_url: str, tmp_path: Path) -> None:
    clock = FixedClock(NOW)  # it stands still, as the time of a process does while the machine sleeps
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(postgres_url, tmp_path, clock=clock, cactus=cactus, concurrency=1) as sleeper:
        await sleeper.discover(numbered(1), numbered(2))
        working = asyncio.create_task(sleeper.works.advancer.drain())
        await cactus.arrived.wait()
        await run(sleeper.ledger, "UPDATE contracts SET lease_until = lease_until - interval '2 hours'")
        awake, may_go_on = FixedClock(NOW + timedelta(hours=2)), cactus.may_go_on
        cactus.hang_on()
        async with open_workshop(postgres_url, tmp_path, replica="r2", clock=awake, cactus=cactus) as heir:
            await keep_house(heir.works)
            await heir.works.advancer.drain()
            steps, rows = [await heir.step(1), await heir.step(2)], await _rows(heir.ledger)

            may_go_on.set()
            await asyncio.wait_for(working, 10)

            assert steps == [Step.AWAITING_STUDENT] * 2
            assert await _rows(heir.ledger) == rows
            assert len({c.contract_id for c in (await cactus.changes(None, limit=9)).items}) == 2


async def _rows(ledger: SqlLedger) -> list[object]:
    return await column(ledger, "SELECT to_jsonb(c) FROM contracts c ORDER BY mission_id")


def test_t03_the_hand_that_judges_leases_goes_on_while_the_machine_sleeps() -> None:
    assert SystemClock().monotonic() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)


@pytest.mark.parametrize("skew", [SKEW, -SKEW], ids=["fast", "slow"])
async def test_t04_a_clock_that_is_wrong_by_minutes_takes_nothing_early(bench: Bench, skew: timedelta) -> None:
    right = await bench.prepared(*missions(3), lease=A_LEASE)
    wrong, now = bench.open("wrong", lease=A_LEASE), NOW + skew
    await link_all(right)
    letters = await right.take_letters(limit=9, now=NOW)
    await right.record_rows(missions(5), now=NOW - SKEW)
    held = await claim(right)
    await right.heartbeat(now=NOW)
    await wrong.heartbeat(now=now)

    freed = await wrong.rescue(now=now)
    claimed = await claim(wrong, now=now)
    taken = await wrong.take_letters(limit=9, now=now)
    renewed = await right.renew({one.facts.mission_id: one.token for one in held.claims}, now=NOW)

    assert (len(letters), len(held.claims)) == (3, 2)
    assert (freed, claimed.claims, taken) == (0, (), ())
    assert len(renewed) == 2
    assert len(await right.replicas()) == 2


@pytest.mark.parametrize("skew", [SKEW, -SKEW], ids=["fast", "slow"])
async def test_t04_a_clock_that_is_wrong_by_minutes_takes_over_in_time(bench: Bench, skew: timedelta) -> None:
    right = await bench.prepared(*missions(3), lease=A_LEASE)
    wrong, now = bench.open("wrong", lease=A_LEASE), NOW + skew
    await claim(right)
    await run(right, "UPDATE contracts SET lease_until = lease_until - interval '1 minute'")

    assert await wrong.rescue(now=now) == 3
    assert len((await claim(wrong, now=now + SKEW)).claims) >= 1


async def test_l02_who_was_stopped_between_its_sign_of_life_and_a_rescue_is_not_dead_for_itself(bench: Bench) -> None:
    stopped = await bench.prepared(*missions(2), lease=A_LEASE)
    await stopped.heartbeat(now=NOW)
    await run(stopped, "UPDATE replicas SET heartbeat_at = heartbeat_at - interval '1 hour'")
    held = await claim(stopped)

    freed = await stopped.rescue(now=NOW)

    assert (freed, len(held.claims)) == (0, 2)
    assert await bench.open("r2").rescue(now=NOW) == 2


@pytest.mark.parametrize("skew", [SKEW, -SKEW], ids=["fast", "slow"])
@pytest.mark.parametrize("is_write", [True, False], ids=["writing", "reading"])
async def test_t04_every_transaction_tells_a_replica_the_time_of_the_database(
    postgres_url: str, skew: timedelta, *, is_write: bool
) -> None:
    wrong = SystemClock(wall=lambda: datetime.now(UTC) + skew)
    database = Database(postgres_url, clock=wrong, sqlite_wal=None)

    await (database.write(_nothing) if is_write else database.read(_nothing))

    assert abs(wrong.now() - datetime.now(UTC)) < timedelta(seconds=5)
    await database.aclose()


async def _nothing(_tx: Transaction) -> None:
    """Beginning a transaction is all there is to it."""
