"""What is freed goes back to the machine."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from syncd.memory import clear_out, give_back_memory, settle_in

_BURST = """
import re
from syncd.memory import give_back_memory

def rss_kb():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1])

def holes():
    burst = [bytes(2000) for _ in range(50_000)]
    return burst[::20]

before = rss_kb()
kept = holes()
burst = rss_kb()
give_back_memory()
print(burst - before, rss_kb() - before)
"""


def test_o06_what_a_burst_leaves_behind_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", _BURST], capture_output=True, text=True, check=True).stdout

    left_behind_kb, given_back_kb = map(int, told.split())

    assert left_behind_kb > 80_000  # glibc keeps the holes between what is in use
    assert given_back_kb < left_behind_kb / 2


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector, left as it was."""
    looks = gc.get_threshold()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*looks)


class _Knot:
    """What only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("collector")
def test_o06_garbage_is_found_before_it_takes_megabytes() -> None:
    settle_in()
    left: weakref.WeakSet[_Knot] = weakref.WeakSet()
    most = 0

    for _ in range(50_000):
        left.add(_Knot())
        most = max(most, len(left))

    assert most < 15_000


@pytest.mark.usefixtures("collector")
def test_o06_what_has_settled_in_is_not_looked_at_again_until_it_is_cleared_out() -> None:
    settle_in()
    settled, looked_at = gc.get_freeze_count(), len(gc.get_objects())

    clear_out()

    assert settled > 50 * looked_at
    assert gc.get_freeze_count() == 0
    assert len(gc.get_objects()) > 50 * looked_at


@pytest.mark.usefixtures("collector")
def test_o06_the_minutes_tidying_frees_what_only_the_collector_finds() -> None:
    settle_in()
    knot = weakref.ref(_Knot())
    was_there = knot() is not None

    give_back_memory()

    assert was_there
    assert knot() is None
