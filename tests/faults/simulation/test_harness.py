"""The simulation is itself proven: it repeats itself exactly, and finds what it is there to find."""

import os
import subprocess
import sys

import pytest

from tests.faults.simulation.mutants import MUTANTS
from tests.faults.simulation.simulate import simulate
from tests.support.scale import Figures

MOST_SEEDS = 500


def test_a_seed_gives_the_same_trace_twice_step_by_step() -> None:
    first, second = simulate(42, with_steps=True), simulate(42, with_steps=True)

    assert first.lines == second.lines
    assert first.steps > 1000


@pytest.mark.parametrize("seed", [7, 8])
def test_a_seed_gives_the_same_trace_in_another_process(seed: int) -> None:
    traces = [
        subprocess.run(
            [sys.executable, "-m", "tests.faults.simulation", str(seed), "--steps"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=False,
        )
        for hash_seed in ("1", "2")
    ]

    assert traces[0].stdout == traces[1].stdout
    assert traces[0].stdout.count(b"\n") > 1000
    assert traces[0].stderr == b""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_seeded_bug_is_caught_within_500_seeds(name: str, figures: Figures) -> None:
    mutant = MUTANTS[name]

    for seed in range(MOST_SEEDS):
        violations = simulate(seed, parts=mutant.parts, nature=mutant.nature).violations
        if violations:
            break

    assert {violation.split()[0] for violation in violations} & mutant.breaks, violations
    figures.note(f"seeded bug: {name}", seeds=seed + 1)
