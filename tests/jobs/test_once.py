"""One whole pass, and what it reports."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.typing import EventDict

from syncd.errors import CredentialsRefused, Misconfigured, OutcomeUnknown, Transient
from syncd.jobs.keep import beat_of, keep_house
from syncd.jobs.once import run_once
from syncd.jobs.works import Rhythm
from syncd.model import Step
from tests.jobs.remotes import HangingCactus
from tests.jobs.test_discover import BrokenStore
from tests.jobs.workshop import LEASE, Workshop, id_of, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import mission


async def test_a_pass_discovers_works_and_delivers_until_nothing_is_due(workshop: Workshop) -> None:
    workshop.rows.put(*(mission(number) for number in range(1, 8)), mission(8, company_siret="1"))

    report = await run_once(workshop.works)
    again = await run_once(workshop.works)

    assert (report.discovered, report.performed, report.delivered, report.retrying) == (8, 7, 14, 0)
    assert (again.performed, again.delivered, again.retrying) == (0, 1, 0)
    assert workshop.post.sent[-1]["X-Syncd-Event"] == "digest.daily"  # of the mission that is held
    assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 7, Step.HELD: 1}


async def test_a_letter_that_was_sent_moves_its_contract_on_in_the_same_pass(workshop: Workshop) -> None:
    workshop.rows.put(mission(1))
    await run_once(workshop.works)
    found = await workshop.cactus.find(id_of(1))
    assert found is not None
    workshop.cactus.fill_student(found.contract_id)
    workshop.cactus.fill_company(found.contract_id)
    workshop.cactus.generate(found.contract_id)

    await run_once(workshop.works)

    assert await workshop.step(1) is Step.DONE


async def test_what_failed_and_waits_is_counted(workshop: Workshop) -> None:
    workshop.rows.put(mission(1), mission(2))
    workshop.post.troubles = [Transient("451 greylisted")]
    workshop.cactus.faults.requests_to_lose = 1

    report = await run_once(workshop.works)

    assert report.retrying == 2
    assert report.delivered == 1
    assert not report.is_cactus_unreachable


async def test_a_store_that_cannot_be_reached_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    missions = BrokenStore(Transient("away"))
    async with open_workshop(tmp_path, tmp_path, missions=missions) as workshop:
        report = await run_once(workshop.works)

        assert report.is_store_unreachable
        assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 2}  # what its first page had


async def test_q12_a_store_without_its_key_columns_ends_a_pass(tmp_path: Path) -> None:
    missions = BrokenStore(Misconfigured("no key column", key="missions.columns.mission_id"))
    async with open_workshop(tmp_path, tmp_path, missions=missions) as workshop:
        with pytest.raises(Misconfigured):
            await run_once(workshop.works)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Transient("down", is_general=True), (True, False)),
        (OutcomeUnknown("no answer"), (True, False)),
        (CredentialsRefused("no"), (True, True)),
    ],
)
async def test_a_remote_that_cannot_be_reached_at_all_is_told(
    workshop: Workshop, error: Transient, told: tuple[bool, bool]
) -> None:
    workshop.rows.put(mission(1))
    workshop.cactus.faults.failure = error

    report = await run_once(workshop.works)

    assert (report.is_cactus_unreachable, report.are_credentials_refused) == told
    assert await workshop.step(1) is Step.TO_INITIALISE


async def test_a_pass_that_takes_long_lives_and_keeps_its_claims(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(mission(1))
        working = asyncio.create_task(run_once(workshop.works))
        await cactus.arrived.wait()

        async with open_workshop(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path, replica="r2", clock=clock) as other:
            other.ledger._has_rescued = True  # one daemon among several, as on PostgreSQL
            for _ in range(90):
                clock.advance(timedelta(seconds=1))
                await asyncio.sleep(0.004)
                await other.works.advancer.drain()
            taken_away = other.works.advancer.performed
        (replica,) = [row for row in await workshop.ledger.replicas() if row.replica == "r1"]
        cactus.may_go_on.set()
        report = await working

        assert clock.now() - replica.heartbeat_at < timedelta(seconds=15)
        assert taken_away == 0
        assert (report.performed, cactus.initialisations) == (1, 1)


async def test_the_house_is_kept_several_times_within_a_lease() -> None:
    assert beat_of(Rhythm(lease=LEASE)) == timedelta(seconds=2)
    assert beat_of(Rhythm(lease=timedelta(seconds=2))) == timedelta(seconds=0.5)


async def test_what_a_dead_replica_held_is_freed_and_told(tmp_path: Path, lines: list[EventDict]) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as dead:
        await dead.initialised()
        dead.rows.put(mission(1))
        working = asyncio.create_task(run_once(dead.works))
        await cactus.arrived.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        async with open_workshop(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path, replica="r2", clock=clock) as heir:
            await keep_house(heir.works)

            assert heir.works.advancer.wake.is_set()
    assert [line for line in lines if line["event"] == "replica.rescued"] == [
        {"event": "replica.rescued", "log_level": "warning", "count": 1}
    ]
