"""The full sweep: what no cursor can see, and when a store is not believed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.typing import EventDict

from syncd.errors import Transient
from syncd.jobs.discover import discover
from syncd.jobs.sweep import SweepLimits, SweepReport, sweep, sweep_when_due
from syncd.model import MissionId, Step
from syncd.ports.missions import MissionStore
from tests.jobs.workshop import Workshop, id_of, open_workshop
from tests.world.missions import mission

A_DAY = timedelta(days=1)


async def swept(workshop: Workshop, **limits: float) -> SweepReport:
    """Sweep, and work on what it found."""
    works = workshop.works
    report = await sweep(works.missions, workshop.ledger, workshop.clock, SweepLimits(**limits))  # type: ignore[arg-type]
    await works.advancer.drain()
    return report


async def when_due(workshop: Workshop, missions: MissionStore | None = None) -> SweepReport | None:
    """Sweep when it is time."""
    works = workshop.works
    return await sweep_when_due(missions or works.missions, workshop.ledger, workshop.clock, SweepLimits(), every=A_DAY)


async def filled(workshop: Workshop, count: int) -> None:
    """Discover and initialise so many missions of the store."""
    workshop.rows.put(*(mission(number) for number in range(1, count + 1)))
    await discover(workshop.works.missions, workshop.ledger, workshop.clock)
    await workshop.works.advancer.drain()


async def test_q03_q04_a_row_that_the_cursor_has_passed_is_found(workshop: Workshop) -> None:
    await filled(workshop, 1)
    workshop.rows.put(mission(2, updated_at="2025-05-20T00:00:00Z"))
    workshop.rows.change("FVMA-2025-0001", updated_at="2025-05-20T00:00:00Z", mission_title="Autre titre")

    report = await swept(workshop)

    assert (report.rows.new, report.rows.changed, report.missing) == (1, 1, ())
    assert await workshop.step(2) is Step.AWAITING_STUDENT


async def test_a_row_that_two_sweeps_in_a_row_do_not_find_counts_as_withdrawn(workshop: Workshop) -> None:
    await filled(workshop, 3)
    workshop.rows.delete("FVMA-2025-0002")

    first = await swept(workshop)
    after_one = await workshop.step(2)
    await swept(workshop)

    assert first.missing == (id_of(2),)
    assert after_one is Step.AWAITING_STUDENT
    assert await workshop.step(2) is Step.HELD
    assert [letter.event for letter in (await workshop.view(2)).letters][-1:] == ["mission.withdrawn"]


async def test_a_row_that_is_back_was_never_gone(workshop: Workshop) -> None:
    await filled(workshop, 2)
    workshop.rows.delete("FVMA-2025-0002")
    await swept(workshop)
    workshop.rows.put(mission(2))

    await swept(workshop)
    workshop.rows.delete("FVMA-2025-0002")
    await swept(workshop)

    assert (await workshop.view(2)).facts.sweeps_missed == 1
    assert await workshop.step(2) is Step.AWAITING_STUDENT


async def test_two_sweeps_at_the_same_time_count_as_one(workshop: Workshop) -> None:
    await filled(workshop, 3)
    workshop.rows.delete("FVMA-2025-0002")

    await asyncio.gather(swept(workshop), swept(workshop), swept(workshop))

    assert (await workshop.view(2)).facts.sweeps_missed == 1


@pytest.mark.parametrize("gone", [range(1, 4), range(1, 9)], ids=["all of three", "all of eight"])
async def test_an_empty_store_is_never_believed(workshop: Workshop, gone: range, lines: list[EventDict]) -> None:
    await filled(workshop, len(gone))
    for number in gone:
        workshop.rows.delete(f"FVMA-2025-{number:04d}")

    reports = [await swept(workshop) for _ in range(3)]

    assert all(report.stopped is not None for report in reports)
    assert (await workshop.ledger.guard("sweep")).tripped_at is not None
    assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: len(gone)}
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["sweep.stopped"] * 3


@pytest.mark.parametrize(("gone", "stops"), [(2, False), (3, True)])
async def test_more_than_a_share_of_the_missions_is_not_believed_to_be_gone(
    workshop: Workshop, gone: int, stops: bool
) -> None:
    await filled(workshop, 10)
    for number in range(1, gone + 1):
        workshop.rows.delete(f"FVMA-2025-{number:04d}")

    report = await swept(workshop, gone_share=0.2, gone_minimum=2)

    assert (report.stopped is not None) is stops
    assert (await workshop.view(1)).facts.sweeps_missed == (0 if stops else 1)


async def test_missions_that_are_known_to_be_gone_stop_no_later_sweep_and_cost_it_no_write(workshop: Workshop) -> None:
    await filled(workshop, 10)
    for number in range(1, 5):
        workshop.rows.delete(f"FVMA-2025-{number:04d}")
        await swept(workshop, gone_share=0.2, gone_minimum=2)
        await swept(workshop, gone_share=0.2, gone_minimum=2)

    last = await swept(workshop, gone_share=0.2, gone_minimum=2)

    assert last.stopped is None
    assert len(last.missing) == 4
    assert (await workshop.view(1)).facts.sweeps_missed == 2


async def test_an_approval_lets_one_sweep_pass_soon(workshop: Workshop) -> None:
    await filled(workshop, 3)
    assert await when_due(workshop) is None
    for number in range(1, 4):
        workshop.rows.delete(f"FVMA-2025-{number:04d}")
    workshop.clock.advance(A_DAY)
    stopped = await when_due(workshop)

    await workshop.ledger.approve("sweep", now=workshop.clock.now())
    await workshop.ledger.set_mark("sweep_approved", "once")
    workshop.clock.advance(timedelta(minutes=1))
    passed = await when_due(workshop)
    workshop.clock.advance(A_DAY)
    stopped_again = await when_due(workshop)

    assert stopped is not None
    assert stopped.stopped is not None
    assert passed is not None
    assert passed.stopped is None
    assert (await workshop.view(1)).facts.sweeps_missed == 1
    assert stopped_again is not None
    assert stopped_again.stopped is not None


async def test_a_sweep_comes_once_a_day_counted_from_the_first_start(workshop: Workshop) -> None:
    found = []
    for _ in range(72):
        found.append(await when_due(workshop) is not None)
        workshop.clock.advance(timedelta(hours=1))

    assert [hour for hour, was_swept in enumerate(found) if was_swept] == [24, 48]


class StoreThatFails:
    """A store that cannot be reached; the rest of the port is not asked for."""

    async def existing(self, _mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Fail."""
        raise Transient("away")


async def test_a_sweep_that_failed_is_not_put_off_to_the_next_day(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path) as workshop:
        await filled(workshop, 1)
        await when_due(workshop)
        workshop.clock.advance(A_DAY)
        with pytest.raises(Transient):
            await when_due(workshop, StoreThatFails())  # type: ignore[arg-type]

        workshop.clock.advance(timedelta(minutes=31))

        assert await when_due(workshop) is not None


async def test_replicas_do_not_sweep_at_the_same_time(workshop: Workshop) -> None:
    await filled(workshop, 1)
    await when_due(workshop)
    workshop.clock.advance(A_DAY)

    await workshop.ledger.set_mark("sweep_begun_at", workshop.clock.now().isoformat())
    workshop.clock.advance(timedelta(minutes=1))

    assert await when_due(workshop) is None
