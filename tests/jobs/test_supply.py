"""More is claimed ahead while the remote is fast, and little while it is slow."""

from datetime import timedelta

import pytest

from syncd.jobs.supply import Supply
from tests.support.clock import FixedClock
from tests.support.facts import NOW

WIDTH = 50


@pytest.mark.parametrize(("per_s", "most"), [(0, 200), (100, 200), (400, 350), (10_000, 850)])
def test_what_is_claimed_leaves_within_a_moment(per_s: int, most: int) -> None:
    clock = FixedClock(NOW)
    supply = Supply(WIDTH, clock)

    clock.advance(timedelta(seconds=1))

    assert supply.most(per_s) == most


def test_a_remote_that_has_become_slow_is_given_less() -> None:
    clock = FixedClock(NOW)
    supply = Supply(WIDTH, clock)
    clock.advance(timedelta(seconds=1))
    fast = supply.most(1000)

    clock.advance(timedelta(seconds=1))

    assert (fast, supply.most(1010)) == (800, 200)


def test_two_looks_in_one_moment_see_the_same_pace() -> None:
    clock = FixedClock(NOW)
    supply = Supply(WIDTH, clock)
    clock.advance(timedelta(seconds=1))
    first = supply.most(500)

    clock.advance(timedelta(milliseconds=10))

    assert supply.most(500) == first


def test_where_one_is_under_way_at_once_one_waits() -> None:
    assert Supply(1, FixedClock(NOW)).most(0) == 2
