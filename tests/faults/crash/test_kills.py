"""SIGKILL in every step of a whole life, once more while it recovers, and at any moment: nothing is lost or doubled."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import Random

import pytest

from tests.faults.crash.deaths import Deaths
from tests.faults.crash.invariants import check_end
from tests.faults.crash.orders import Work
from tests.faults.crash.saga import PASSES, Backend, MakeSaga
from tests.faults.crash.town import Memory
from tests.support.scale import Amount, Figures

_FORGETFUL = {Backend.JOURNAL: Memory.NOTHING, Backend.WAL: Memory.KEYS, Backend.POSTGRES: Memory.NOTHING}
_MINDFUL = {Backend.JOURNAL: Memory.KEYS, Backend.WAL: Memory.NOTHING, Backend.POSTGRES: Memory.KEYS}
_SHARDS = range(2)
_SAMPLE = 20
_STEP = "CRASH_STEP"
"""The environment variable that names the one step to die in, to see a failure again."""


@contextmanager
def replayable(how: str) -> Iterator[None]:
    """Say of a failure how it is seen again."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"to see it again: {how}")
        raise


@pytest.mark.parametrize("number", range(PASSES), ids="pass-{}".format)
@pytest.mark.parametrize("backend", Backend)
def test_c01_a_kill_in_any_step_loses_nothing_and_does_nothing_twice(
    make_saga: MakeSaga, backend: Backend, number: int, amount: Amount, figures: Figures, request: pytest.FixtureRequest
) -> None:
    saga = make_saga(backend, _FORGETFUL[backend])
    for _ in range(number):
        saga.act(Work.PASS)
    scene, deaths = saga.save(), Deaths(saga)

    # The sample takes every twentieth step of a life, each on the next database in turn.
    every = amount(quick=_SAMPLE * len(Backend), deep=1)
    first = 1 + (_SAMPLE * list(Backend).index(backend) + number) % every
    wanted = os.environ.get(_STEP)
    for step in [int(wanted)] if wanted else count(first, every):
        with replayable(f"{_STEP}={step} pytest '{request.node.nodeid}'"):
            if not deaths.die_in_step(step, scene):
                break

    lives = deaths.resurrections
    figures.note(f"killed in a step of pass {number + 1}, {backend}", kills=deaths.count, every=every, lives=lives)
    assert wanted or deaths.count > 5


@pytest.mark.parametrize("shard", _SHARDS)
@pytest.mark.parametrize("backend", Backend)
def test_c02_a_second_kill_while_it_recovers_changes_nothing(
    make_saga: MakeSaga, backend: Backend, shard: int, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(backend, _MINDFUL[backend])
    rehearsed, deaths = saga.rehearsed_scenes(), Deaths(saga)
    wanted, pairs, seeds = amount(quick=1, deep=334), 0, count()

    while pairs < wanted:
        seed = f"{backend} {shard} {next(seeds)}"
        with replayable(f"deaths.die_twice(rehearsed, Random({seed!r}), …)"):
            pairs += deaths.die_twice(rehearsed, Random(seed), seconds=amount(quick=1, deep=4))  # noqa: S311

    figures.note(f"killed again while it recovered, {backend}", pairs=pairs, lives=deaths.resurrections)


@pytest.mark.parametrize("shard", _SHARDS)
@pytest.mark.parametrize("backend", Backend)
def test_c03_a_kill_at_any_moment_leaves_a_sound_ledger_and_nothing_lost_or_doubled(
    make_saga: MakeSaga, backend: Backend, shard: int, amount: Amount, figures: Figures
) -> None:
    """Three at most in a life: a fourth may rightly set a contract aside, as the one that kills the daemon (Q10)."""
    saga = make_saga(backend, _FORGETFUL[backend])
    scene, deaths, begun = saga.save(), Deaths(saga), time.monotonic()
    saga.act(Work.LIVE)
    check_end(saga.remains())
    a_life_s, wanted, seeds = time.monotonic() - begun, amount(quick=2, deep=84), count()

    while deaths.count < wanted:
        seed = f"{backend} {shard} {next(seeds)}"
        with replayable(f"the dice were Random({seed!r}); the moment itself does not come again"):
            deaths.die_at_any_time(scene, within_s=a_life_s, most=3, dice=Random(seed))  # noqa: S311

    figures.note(f"killed at any moment, {backend}", kills=deaths.count)


def test_c01_a_kill_while_the_real_reader_of_documents_works(
    make_saga: MakeSaga, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.KEYS, real_reader=True)
    rehearsed, deaths = saga.rehearsed_scenes(), Deaths(saga)
    scene, steps = rehearsed[-1]
    dice = Random(0)  # noqa: S311

    for step in sorted(dice.sample(range(1, steps // 2), amount(quick=3, deep=60))):
        with replayable(f"step {step} of the last pass"):
            deaths.die_in_step(step, scene)

    figures.note("killed while documents were read", kills=deaths.count)
    assert deaths.count > 0
