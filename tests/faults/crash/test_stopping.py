"""SIGTERM at any moment of a busy daemon: it ends in order and in time, and asks nothing more of CACTUS."""

from collections import Counter
from random import Random

import pytest

from tests.faults.crash.busy import CONCURRENCY, BusyTown, Stopped
from tests.faults.crash.saga import Backend, MakeSaga, Saga
from tests.faults.crash.town import PROFESSIONAL, Memory
from tests.support.scale import Amount, Figures

_BACKENDS = (Backend.JOURNAL, Backend.POSTGRES)
_ON_ITS_WAY_S = 1.0
"""What was sent before the signal may arrive so much later, on a machine that does much else."""


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(2))
@pytest.mark.parametrize("backend", _BACKENDS)
def test_c04_a_signal_at_any_moment_ends_it_in_order_and_nothing_new_is_asked(
    make_saga: MakeSaga, backend: Backend, shard: int, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(backend, Memory.NOTHING)
    busy = BusyTown(saga.town, saga.ledger, saga.folder)
    took_s, begun = list[float](), Counter[str]()

    for number in range(amount(quick=2, deep=50)):
        dice = Random(f"{backend} {shard} {number}")  # noqa: S311
        stopped = busy.stop_one(dice, hangs=dice.random() < 1 / 12)
        took_s.append(stopped.took_s)
        begun["while it worked" if "READY=1" in stopped.heard else "while it started"] += 1
        _check_the_end(stopped)
        _check_what_is_left(saga)

    took_s.sort()
    busy.finish()
    _check_that_all_was_done_once(saga)
    figures.note(
        f"SIGTERM to a busy daemon, {backend}", **{"p99 s": round(took_s[int(len(took_s) * 0.99)], 2)}, **begun
    )
    assert took_s[int(len(took_s) * 0.99)] <= 10


@pytest.mark.slow
def test_c05_a_second_signal_ends_it_at_once_and_is_no_worse_than_a_kill(
    make_saga: MakeSaga, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.NOTHING)
    busy = BusyTown(saga.town, saga.ledger, saga.folder)
    dice, took_s = Random(5), list[float]()  # noqa: S311

    for _ in range(amount(quick=1, deep=20)):
        stopped = busy.stop_one(dice, hangs=True, twice_within_s=dice.uniform(0.1, 1))
        took_s.append(stopped.took_s)
        assert stopped.code == 1, stopped.output[-2000:]
        assert "STOPPING=1" in stopped.heard

    busy.finish()
    _check_that_all_was_done_once(saga)
    figures.note("a second signal", signals=len(took_s), longest_s=round(max(took_s), 2))
    assert max(took_s) < 2


def test_c04_a_signal_that_comes_while_it_closes_down_to_reload_is_not_lost(make_saga: MakeSaga) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.NOTHING)
    busy = BusyTown(saga.town, saga.ledger, saga.folder)

    stopped = busy.reload_and_stop()

    assert stopped.code == 0, stopped.output[-2000:]
    assert stopped.took_s < 10
    assert "RELOADING=1" in stopped.heard
    assert "STOPPING=1" in stopped.heard


def _check_the_end(stopped: Stopped) -> None:
    assert stopped.code == 0, stopped.output[-2000:]
    assert ("STOPPING=1" in stopped.heard) == (stopped.stopping_s is not None)
    if "READY=1" in stopped.heard:
        assert stopped.stopping_s is not None
    if stopped.stopping_s is not None:
        late = [posted_s - stopped.stopping_s for posted_s in stopped.posted_s if posted_s > stopped.stopping_s]
        assert len(late) <= CONCURRENCY, late
        assert all(after_s < _ON_ITS_WAY_S for after_s in late), late


def _check_what_is_left(saga: Saga) -> None:
    """Nothing is held by a process that is gone, and nothing that CACTUS has is forgotten."""
    tables = saga.ledger.read(("contracts", "letters", "replicas"))
    held = [row["lease_owner"] for table in ("contracts", "letters") for row in tables[table] if row["lease_owner"]]
    assert (held, tables["replicas"]) == ([], [])
    known = {row["mission_id"]: row["asked"] for row in tables["contracts"]}
    for mission_id in saga.town.creations():
        assert known[mission_id] in ("answered", "under_way", "unknown"), (mission_id, known[mission_id])


def _check_that_all_was_done_once(saga: Saga) -> None:
    """Each mission has one contract, and everybody was told of it once."""
    tables, town = saga.ledger.read(), saga.town
    missions = {str(row["mission_id"]) for row in tables["contracts"]} - {PROFESSIONAL}

    assert town.creations() == dict.fromkeys(missions, 1)
    assert all(len(keys) == 1 for keys in town.asked.values())
    doubts = {str(row["message_id"]): int(str(row["repeats"])) for row in tables["letters"]}
    arrivals = town.box.arrivals()
    assert {row["state"] for row in tables["letters"]} == {"sent"}
    assert all(1 <= arrivals[name] <= 1 + doubts[name] for name in doubts), arrivals - Counter(dict.fromkeys(doubts, 1))
