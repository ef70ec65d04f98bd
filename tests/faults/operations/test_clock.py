"""T01, T02: a clock that is set, by an hour, a day, or to 1970, and the two Sundays on which clocks change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.clock import SystemClock
from syncd.daemon import Daemon
from syncd.jobs.digest import queue_digest
from syncd.model import Asked, Step
from syncd.service import ServiceManager
from syncd.workdays import PARIS
from tests.jobs.remotes import HangingCactus, LateCactus
from tests.jobs.workshop import POLICY, Workshop, id_of, numbered, open_workshop, until
from tests.support.clock import FixedClock
from tests.support.facts import KEYLESS, NOW
from tests.world.missions import mission

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
TO_1970 = datetime(1970, 1, 1, tzinfo=UTC) - NOW
JUMPS = [HOUR, -HOUR, DAY, -DAY, TO_1970]


class SetClock(FixedClock):
    """The machine's clock is a fixed one that somebody sets; this process sees it through its own."""

    def __init__(self, now: datetime = NOW) -> None:
        super().__init__(now)
        self._ours = SystemClock(wall=super().now, hand=self.monotonic)

    def now(self) -> datetime:
        """Return the instant that the service goes by."""
        return self._ours.now()

    def jump(self, by: timedelta) -> None:
        """Set the machine's clock."""
        self.set_wall(FixedClock.now(self) + by)


@pytest.mark.parametrize("jump", [-HOUR, -DAY, TO_1970], ids=str)
def test_t01_an_instant_never_goes_back_and_time_goes_on(jump: timedelta) -> None:
    clock = SetClock()
    before = clock.now()

    clock.jump(jump)
    at_once = clock.now()
    clock.advance(10 * MINUTE)
    later = clock.now()

    assert at_once == before
    assert later == before + 9 * MINUTE


def test_t01_a_clock_that_was_set_back_is_caught_up_with_and_then_followed() -> None:
    clock = SetClock()
    clock.jump(-HOUR)
    for _ in range(11):
        clock.advance(HOUR)
        clock.now()

    assert clock.now() == FixedClock.now(clock)


@asynccontextmanager
async def daemon_on(workshop: Workshop) -> AsyncIterator[None]:
    """Run a daemon until the end of the block."""
    daemon = Daemon(workshop.works, manager=ServiceManager(address=None, watchdog=None), may_reload=lambda: True)
    task = asyncio.create_task(daemon.run())
    try:
        await until(lambda: daemon.is_ready or task.done())
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def pass_time(workshop: Workshop, duration: timedelta) -> None:
    """Let time pass, no faster than the daemon keeps its house."""
    end = workshop.clock.monotonic() + duration.total_seconds()
    while workshop.clock.monotonic() < end:
        seen = await last_sign_of_life(workshop)
        while await last_sign_of_life(workshop) == seen:
            workshop.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0)


async def last_sign_of_life(workshop: Workshop) -> list[datetime]:
    """Return when the daemon last said that it lives."""
    return [replica.heartbeat_at for replica in await workshop.ledger.replicas()]


@pytest.mark.parametrize("jump", [HOUR, -DAY, TO_1970], ids=str)
async def test_t01_a_running_daemon_keeps_its_leases_and_its_patience_whatever_becomes_of_the_clock(
    tmp_path: Path, jump: timedelta
) -> None:
    """One request is under way, one contract waits for its next attempt: neither is lost, doubled or forgotten."""
    clock = SetClock()
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        cactus.faults.requests_to_lose = 0
        workshop.rows.put(mission(1))
        async with daemon_on(workshop):
            await cactus.arrived.wait()
            clock.jump(jump)
            cactus.faults.requests_to_lose = 1
            workshop.rows.put(mission(2, updated_at="2025-06-02T10:00:01Z"))
            await pass_time(workshop, 1.5 * MINUTE)
            await until(lambda: cactus.initialisations >= 1)

            cactus.may_go_on.set()
            for _ in range(60):
                await pass_time(workshop, timedelta(seconds=10))
                if {await workshop.step(1), await workshop.step(2)} == {Step.AWAITING_STUDENT}:
                    break

        assert {await workshop.step(1), await workshop.step(2)} == {Step.AWAITING_STUDENT}
        assert {kept.contract.external_reference for kept in cactus._kept.values()} == {id_of(1), id_of(2)}


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_t01_what_is_under_way_stays_ours_when_the_clock_is_set(tmp_path: Path, jump: timedelta) -> None:
    """On a SQLite file leases are kept in wall time: one that was set forward ends none of them."""
    clock = SetClock()
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()
        clock.jump(jump)
        await workshop.discover(numbered(2))
        workshop.works.advancer.wake.set()
        await until(lambda: workshop.stands_at(2, Step.AWAITING_STUDENT))
        cactus.may_go_on.set()
        await working

        assert await workshop.step(1) is Step.AWAITING_STUDENT
        assert cactus.initialisations == 2
        assert "contract.unanswered" not in await workshop.events(1)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_t01_a_late_apply_is_waited_for_as_long_as_it_takes_whatever_becomes_of_the_clock(
    tmp_path: Path, jump: timedelta
) -> None:
    """A remote without keys: asked again before its longest processing time, it would create two contracts."""
    clock, policy = SetClock(), replace(KEYLESS, patience=POLICY.patience)
    cactus = LateCactus(clock, capabilities=KEYLESS.capabilities)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, policy=policy) as workshop:
        await workshop.discover(numbered(1))
        await workshop.works.advancer.drain()
        clock.advance(timedelta(seconds=5))
        await workshop.works.advancer.drain()
        clock.jump(jump)
        for _ in range(11):  # two minutes are its longest processing time
            clock.advance(timedelta(seconds=10))
            await workshop.works.advancer.drain()
        asked = cactus.initialisations
        cactus.apply_at_last()
        for _ in range(20):
            clock.advance(10 * MINUTE)
            await workshop.works.advancer.drain()

        assert asked == 1
        assert cactus.initialisations == 1
        assert (await workshop.view(1)).facts.asked is Asked.ANSWERED


async def test_t01_a_clock_that_came_back_from_1970_makes_nobody_wait_for_years(tmp_path: Path) -> None:
    clock, policy = SetClock(), replace(KEYLESS, patience=POLICY.patience)
    cactus = MockCactus(clock, capabilities=KEYLESS.capabilities)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, policy=policy) as workshop:
        clock.jump(timedelta(days=-55 * 365))
        await workshop.discover(numbered(2))
        await workshop.works.advancer.drain()
        clock.jump(timedelta(days=55 * 365))
        cactus.faults.requests_to_lose = 1
        await workshop.discover(numbered(1))
        for _ in range(60):
            await workshop.works.advancer.drain()
            clock.advance(timedelta(seconds=10))

        assert (await workshop.view(1)).facts.asked is Asked.ANSWERED


# ------------------------------------------------------------------------------------------------------------------ T02

SUNDAYS = [date(2026, 3, 29), date(2026, 10, 25)]


@pytest.mark.parametrize("sunday", SUNDAYS, ids=str)
async def test_t02_around_a_change_of_clocks_each_working_day_has_one_digest_at_its_hour(
    tmp_path: Path, sunday: date
) -> None:
    begin = datetime.combine(sunday - 2 * DAY, datetime.min.time(), tzinfo=PARIS).astimezone(UTC)
    clock = FixedClock(begin)
    async with open_workshop(tmp_path, tmp_path, clock=clock) as workshop:
        await workshop.discover(numbered(1, company_siret="1"))
        await workshop.works.advancer.drain()
        queued = []
        for _ in range(5 * 24 * 4):
            if await queue_digest(workshop.ledger, clock, workshop.works.policy):
                queued.append(clock.now().astimezone(PARIS))
            clock.advance(15 * MINUTE)

    assert [moment.date() - sunday for moment in queued] == [-2 * DAY, 1 * DAY, 2 * DAY]
    assert {(moment.hour, moment.minute) for moment in queued} == {(8, 0)}


@pytest.mark.parametrize("sunday", SUNDAYS, ids=str)
async def test_t02_waits_across_a_change_of_clocks_are_as_long_as_on_any_night(tmp_path: Path, sunday: date) -> None:
    clock = FixedClock(datetime.combine(sunday, datetime.min.time(), tzinfo=UTC))  # an hour before the change
    async with open_workshop(tmp_path, tmp_path, clock=clock) as workshop:
        workshop.cactus.faults.requests_to_lose = 1
        await workshop.discover(numbered(1, academic_year="2025-2026"))
        await workshop.works.advancer.drain()
        waits = (await workshop.view(1)).row.due_at
        clock.advance(2 * HOUR)
        await workshop.works.advancer.drain()

        assert waits is not None
        assert timedelta(0) < waits - (clock.now() - 2 * HOUR) <= POLICY.patience.longest_delay
        assert await workshop.step(1) is Step.AWAITING_STUDENT


def test_t02_both_half_past_two_are_an_hour_apart_and_the_missing_one_is_no_hour_of_its_own() -> None:
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=PARIS) for fold in (0, 1))
    missing = datetime(2026, 3, 29, 2, 30, tzinfo=PARIS)

    assert first == second  # in one zone, wall times are compared: instants must be kept in UTC
    assert second - first == timedelta(0)
    assert second.astimezone(UTC) - first.astimezone(UTC) == HOUR
    assert missing.astimezone(UTC).astimezone(PARIS).hour == 3
