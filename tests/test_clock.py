"""Time and dice, the real ones and the tests' own."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from syncd.clock import SystemClock, new_bytes, new_id
from syncd.ports.clock import Clock
from tests.support.clock import A_TUESDAY, FixedClock, TickingClock

SECOND = timedelta(seconds=1)
CLOCKS: list[Clock] = [SystemClock(), FixedClock(), TickingClock()]


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: type(clock).__name__)
def test_every_clock_keeps_the_promises_of_the_port(clock: Clock) -> None:
    first, later = clock.monotonic(), clock.monotonic()

    assert clock.now().tzinfo is UTC
    assert later >= first
    assert all(0 <= clock.throw() < 1 for _ in range(100))


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: type(clock).__name__)
async def test_sleeping_for_nothing_or_less_lets_the_others_have_their_turn(clock: Clock) -> None:
    turns: list[str] = []
    other = asyncio.ensure_future(_note(turns))

    await clock.sleep(-SECOND)

    assert turns == ["other"]
    await other


async def _note(turns: list[str]) -> None:
    turns.append("other")


def test_the_system_clock_tells_this_machines_time() -> None:
    before = time.time()

    told = SystemClock().now().timestamp()

    assert before <= told <= time.time()


async def test_the_system_clock_sleeps_as_long_as_asked() -> None:
    clock = SystemClock()
    asleep_at = clock.monotonic()

    await clock.sleep(timedelta(milliseconds=10))

    assert clock.monotonic() - asleep_at >= 0.009


class Hands:
    """A machine whose wall is wrong and whose hand is right."""

    def __init__(self, off_by: timedelta) -> None:
        self.passed = timedelta()
        self.off_by = off_by
        self.clock = SystemClock(
            wall=lambda: A_TUESDAY + self.passed + self.off_by, hand=lambda: 5000 + self.passed.total_seconds()
        )

    @property
    def off(self) -> timedelta:
        """By how much the clock is wrong."""
        return self.clock.now() - A_TUESDAY - self.passed


@pytest.mark.parametrize("off_by", [300 * SECOND, -300 * SECOND], ids=["fast", "slow"])
def test_t04_a_clock_that_agreed_with_a_server_goes_by_its_time(off_by: timedelta) -> None:
    machine = Hands(off_by)

    machine.clock.agree_with(A_TUESDAY, within=SECOND / 100)

    assert abs(machine.off) <= SECOND / 100


@pytest.mark.parametrize("jump", [300 * SECOND, -300 * SECOND, A_TUESDAY - A_TUESDAY.replace(year=2000)], ids=str)
def test_t01_a_clock_that_agreed_with_a_server_does_not_see_its_own_wall_being_set(jump: timedelta) -> None:
    machine = Hands(timedelta())
    machine.clock.agree_with(A_TUESDAY, within=timedelta())

    machine.off_by = jump
    machine.passed = 60 * SECOND

    assert machine.off == timedelta()


def test_an_agreement_changes_nothing_that_may_be_so() -> None:
    machine = Hands(SECOND / 2)

    machine.clock.agree_with(A_TUESDAY, within=SECOND)

    assert machine.off == SECOND / 2


def test_t01_a_server_whose_time_is_set_back_is_waited_for() -> None:
    machine = Hands(timedelta())
    machine.clock.agree_with(A_TUESDAY, within=timedelta())
    before = machine.clock.now()

    machine.clock.agree_with(A_TUESDAY - 60 * SECOND, within=timedelta())
    at_once = machine.clock.now()
    machine.passed = 6000 * SECOND

    assert at_once == before
    assert machine.off == -60 * SECOND


def test_ids_and_bytes_never_come_twice() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    assert len({new_bytes(12) for _ in range(1000)}) == 1000
    assert len(new_id()) == 32
    assert set(new_id()) <= set("0123456789abcdef")


def test_a_fixed_clock_stands_still_until_it_is_advanced() -> None:
    clock = FixedClock()
    seconds = clock.monotonic()

    assert clock.now() == clock.now() == A_TUESDAY

    clock.advance(SECOND)

    assert clock.now() == A_TUESDAY + SECOND
    assert clock.monotonic() == seconds + 1


async def test_a_sleeper_wakes_when_the_fixed_clock_reaches_its_hour() -> None:
    clock = FixedClock()
    sleeper = asyncio.ensure_future(clock.sleep(3 * SECOND))
    await asyncio.sleep(0)

    clock.advance(2 * SECOND)
    await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(SECOND)
    await sleeper
    assert clock.slept == [3 * SECOND]


async def test_a_cancelled_sleeper_does_not_disturb_the_clock() -> None:
    clock = FixedClock()
    sleeper = asyncio.ensure_future(clock.sleep(SECOND))
    await asyncio.sleep(0)
    sleeper.cancel()

    clock.advance(2 * SECOND)

    with pytest.raises(asyncio.CancelledError):
        await sleeper


async def test_t01_a_wall_clock_set_back_wakes_nobody_and_moves_no_seconds() -> None:
    clock = FixedClock()
    seconds = clock.monotonic()
    sleeper = asyncio.ensure_future(clock.sleep(SECOND))
    await asyncio.sleep(0)

    clock.set_wall(datetime(1970, 1, 1, tzinfo=UTC))
    await asyncio.sleep(0)

    assert clock.monotonic() == seconds
    assert not sleeper.done()
    sleeper.cancel()


def test_dice_of_a_fixed_clock_fall_as_told_again_and_again() -> None:
    clock = FixedClock(throws=(0.1, 0.9))

    assert [clock.throw() for _ in range(4)] == [0.1, 0.9, 0.1, 0.9]


async def test_a_ticking_clock_moves_on_by_itself_and_never_waits() -> None:
    clock = TickingClock(tick=SECOND)

    assert clock.now() == A_TUESDAY
    assert clock.now() == A_TUESDAY + SECOND

    await clock.sleep(timedelta(hours=1))

    assert clock.now() == A_TUESDAY + 2 * SECOND + timedelta(hours=1)
