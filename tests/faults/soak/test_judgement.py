"""What grows is seen, and what only breathes is not."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.soak.judgement import judge
from tests.faults.soak.plan import plan_of
from tests.faults.soak.sampling import Sample

AN_HOUR = plan_of(60).limits


def hour(**grown: Callable[[float], int]) -> list[Sample]:
    """Return an hour of a process that breathes: 30 MB of warm-up, bursts, counts that jump; `grown` comes on top."""
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    series = []
    for at_s in range(0, 3600, 10):
        warm = 30_000 * (1 - math.exp(-at_s / 200))
        burst = dice.choice((0, 0, 400, 9000))
        sample = Sample(
            at_s=at_s, rss_kb=int(110_000 + warm + burst + dice.uniform(0, 300)), anonymous_kb=90_000,
            fds=26 + dice.choice((0, 0, 1, 15)), threads=dice.choice((9, 10, 12)), children=2,
            tasks=dice.choice((None, 20, 24, 60)),
        )  # fmt: skip
        more = {name: (getattr(sample, name) or 0) + grow(at_s) for name, grow in grown.items()}
        series.append(replace(sample, **more))
    return series


def test_o06_a_process_that_only_breathes_is_flat() -> None:
    verdict = judge(hour(), AN_HOUR)

    assert verdict.findings == ()
    assert abs(verdict.memory_mb_per_h) < 0.5
    assert verdict.memory_mb[0] == pytest.approx(137, abs=1)


def test_o06_two_megabytes_an_hour_are_seen_through_the_bursts() -> None:
    verdict = judge(hour(rss_kb=lambda at_s: int(2048 * at_s / 3600)), AN_HOUR)

    assert verdict.memory_mb_per_h == pytest.approx(2, abs=0.5)
    assert ["memory" in finding for finding in verdict.findings] == [True]


@pytest.mark.parametrize("at_s", [1500, 2000, 2400, 3000])
def test_o06_one_higher_mark_is_no_leak_and_a_large_one_is_told(at_s: int) -> None:
    def marked(mb: int) -> list[Sample]:
        return hour(rss_kb=lambda now_s: 1024 * mb if now_s > at_s else 0)

    higher, far_higher = judge(marked(3), AN_HOUR), judge(marked(9), AN_HOUR)

    assert higher.findings == ()
    assert higher.grown_mb == pytest.approx(3, abs=0.5)
    assert higher.stepped is None or higher.stepped.step_mb == pytest.approx(3, abs=0.5)
    assert ["beside a step" in finding for finding in far_higher.findings] == [True]


@pytest.mark.parametrize("begins_s", [1000, 1800, 2400])
def test_o06_a_hill_is_no_leak_and_hides_none(begins_s: int) -> None:
    def hill_at(now_s: float) -> int:
        return 1024 * 10 if begins_s < now_s < begins_s + 500 else 0

    hill = judge(hour(rss_kb=hill_at), AN_HOUR)
    hill_and_leak = judge(hour(rss_kb=lambda now_s: hill_at(now_s) + int(2048 * now_s / 3600)), AN_HOUR)

    assert hill.findings == ()
    assert hill.grown_mb < 0.5
    assert ["memory" in finding for finding in hill_and_leak.findings] == [True]


def test_o06_a_leak_in_small_steps_is_a_leak() -> None:
    verdict = judge(hour(rss_kb=lambda at_s: 300 * int(at_s / 360)), AN_HOUR)

    assert ["memory" in finding for finding in verdict.findings] == [True]


@pytest.mark.parametrize("what", ["fds", "threads", "children", "tasks"])
def test_o06_ten_more_in_an_hour_are_seen_and_a_step_in_the_warm_up_is_none(what: str) -> None:
    leaking = judge(hour(**{what: lambda at_s: int(10 * at_s / 3600)}), AN_HOUR)
    stepping = judge(hour(**{what: lambda at_s: 10 if at_s > 600 else 0}), AN_HOUR)

    assert [finding.split()[0] for finding in leaking.findings] == [what]
    assert stepping.findings == ()


def test_o06_nothing_is_said_of_a_series_that_is_too_short() -> None:
    with pytest.raises(ValueError, match="too short"):
        judge(hour()[:100], AN_HOUR)
