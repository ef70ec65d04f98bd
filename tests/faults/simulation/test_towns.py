"""Thousands of simulated towns: whatever befalls them, nothing is lost and nothing is done twice."""

from collections import Counter

import pytest

from tests.faults.simulation.kinds import Kind
from tests.faults.simulation.simulate import simulate
from tests.support.scale import Amount, Figures

SHARDS = 6
LEAST_CONTRACTS = 10
LEAST_CRASHES = 3.0
"""On average; more are planned, for one that finds nobody up is none."""
LEAST_KINDS = 36
"""Of faults that really happened, in any thirty seeds; some are rare."""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_i1_i2_i3_i4_i5_i6_i7_i8_hold_in_every_town(shard: int, amount: Amount, figures: Figures) -> None:
    """A seed that fails is replayed, with its trace, by `python -m tests.faults.simulation SEED`."""
    seeds = range(shard, amount(quick=200, deep=10_000), SHARDS)
    counts: Counter[Kind] = Counter()

    for report in map(simulate, seeds):
        assert not report.violations, f"seed {report.seed}: {report.violations}"
        counts += report.counts
        assert report.contracts >= LEAST_CONTRACTS

    assert len(counts) >= LEAST_KINDS
    assert counts[Kind.CRASH] / len(seeds) >= LEAST_CRASHES
    figures.note(
        "simulated towns", seeds=len(seeds), violations=0, kinds_of_faults=len(counts), faults=counts.total(),
        crashes_per_seed=round(counts[Kind.CRASH] / len(seeds), 1),
    )  # fmt: skip
