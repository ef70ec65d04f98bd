"""A new mission is served in time, whatever waits, fails or has piled up."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.backlog.crowd import FIRST, Crowd, fill_remote
from tests.support.environment import without_settings
from tests.support.scale import Amount, Figures
from tests.world.missions import mission
from tests.world.remote import Answer, Remote, Request, Trap
from tests.world.world import World, make_world

SERVED_WITHIN_S = 60
LONGER_THAN_ANY_TIMEOUT_S = 30
SICK_FROM, NEW_FROM = 500_000, 600_000
MOST_MEMORY_MB = 250
"""A crowd of a hundred thousand must not be read into memory: all of it would take more than a gigabyte."""


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An installation whose brakes are off: the crowd would trip them."""
    with make_world(tmp_path) as made:
        made.environment |= {
            "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
            "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
            "SYNCD_MAIL__MAILS_PER_MINUTE": "0",
        }
        if request.param == "postgresql":
            made.environment["SYNCD_DATABASE__URL"] = request.getfixturevalue("postgres_url")
        yield made


def test_q11_a_new_mission_passes_a_crowd_that_waits_and_a_thousand_that_fail(
    world: World, amount: Amount, figures: Figures
) -> None:
    waiting, failing = amount(quick=2_000, deep=100_000), amount(quick=50, deep=1_000)
    crowd = _crowded(world, waiting)
    world.missions.put(*(mission(SICK_FROM + n, company_name="Malade") for n in range(failing)))
    world.remote.trap = _refuses_the_sick

    with _running(world, **_usual_patience(amount)) as daemon:
        _until(lambda: len(_tried(world.remote)) >= min(failing, 20))
        served = [_served_after_s(world, daemon, number) for number in range(amount(quick=2, deep=5))]
        memory_mb = daemon.memory_mb

    assert max(served) < SERVED_WITHIN_S
    assert all(crowd.contract_of(mission(SICK_FROM + n)["mission_id"]) is None for n in range(failing))
    figures.note(
        f"a new mission beside {waiting:,} waiting and {failing:,} failing, {crowd.engine.name}",
        worst_s=round(max(served), 1), tried=len(_tried(world.remote)), memory_mb=memory_mb,
    )  # fmt: skip


def test_q11_a_new_mission_passes_a_backlog_that_is_due(world: World, amount: Amount, figures: Figures) -> None:
    backlog = amount(quick=2_000, deep=100_000)
    crowd = _crowded(world, backlog)
    crowd.all_due(datetime.now(UTC))

    with _running(world) as daemon:
        served = [_served_after_s(world, daemon, number) for number in range(amount(quick=1, deep=5))]
        still_due = crowd.due(datetime.now(UTC))
        rate, memory_mb = _drained_per_s(crowd), daemon.memory_mb

    assert still_due > backlog / 10, "the backlog was over before the mission came: it proves nothing"
    assert max(served) < SERVED_WITHIN_S
    assert memory_mb < MOST_MEMORY_MB
    figures.note(
        f"a new mission beside {backlog:,} readings that are due, {crowd.engine.name}",
        worst_s=round(max(served), 1), readings_per_s=rate, memory_mb=memory_mb,
    )  # fmt: skip


def test_q11_what_fails_slowly_leaves_room(world: World, amount: Amount, figures: Figures) -> None:
    failing = amount(quick=60, deep=1_000)
    world.missions.put(*(mission(SICK_FROM + n, company_name="Malade") for n in range(failing)))
    over = threading.Event()
    world.remote.trap = _hangs_for_the_sick(over)
    limits = {"SYNCD_CACTUS__TIMEOUT_S": "1" if amount(quick=1, deep=0) else "5", "SYNCD_CACTUS__CONCURRENCY": "8"}

    with _running(world, **limits) as daemon:
        _until(lambda: len(_tried(world.remote)) >= 8)
        served = [_served_after_s(world, daemon, number) for number in range(amount(quick=1, deep=5))]
        over.set()

    assert max(served) < SERVED_WITHIN_S
    figures.note(f"a new mission beside {failing:,} that time out", worst_s=round(max(served), 1))


# ------------------------------------------------------------------------------------------------------------ the world


def _crowded(world: World, count: int) -> Crowd:
    """One contract waits for its student, made by syncd itself; then as many more as make the crowd."""
    world.missions.put(mission(FIRST))
    world.once()
    url = world.environment.get("SYNCD_DATABASE__URL", f"sqlite:///{world.folder / 'state' / 'syncd.sqlite3'}")
    crowd = Crowd.of(url)
    crowd.grow(count)
    world.missions.put_all(mission(number) for number in range(FIRST, FIRST + count))
    fill_remote(world.remote, count)
    return crowd


def _usual_patience(amount: Amount) -> dict[str, str]:
    """In the deep run the delays that syncd has by default: the remote rests for half a minute at a time."""
    first, longest = amount(quick=1, deep=5), amount(quick=3, deep=3600)
    return {"SYNCD_RETRY__FIRST_DELAY_S": str(first), "SYNCD_RETRY__LONGEST_DELAY_S": str(longest)}


def _is_sick(request: Request) -> bool:
    reference = request.query.get("external_reference", "")
    if request.method == "POST" and request.body:
        reference = json.loads(request.body)["external_reference"]
    return SICK_FROM <= int(reference.rpartition("-")[2] or 0) < NEW_FROM


def _refuses_the_sick(request: Request, honest: Callable[[], Answer]) -> Answer | None:
    if _is_sick(request):
        return Answer.of(500, {"type": "error", "title": "Internal error", "status": 500})
    return honest()


def _hangs_for_the_sick(over: threading.Event) -> Trap:
    def hang(request: Request, honest: Callable[[], Answer]) -> Answer | None:
        if not _is_sick(request):
            return honest()
        over.wait(LONGER_THAN_ANY_TIMEOUT_S)
        return None

    return hang


def _tried(remote: Remote) -> list[Request]:
    with remote.lock:
        return [request for request in remote.requests if _is_sick(request)]


# ----------------------------------------------------------------------------------------------------------- the daemon


@dataclass(frozen=True, slots=True)
class _Daemon:
    """A running `syncd run`."""

    process: subprocess.Popen[bytes]

    @property
    def memory_mb(self) -> int:
        """The most memory that it had at once."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (peak,) = (line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) // 1024


@contextmanager
def _running(world: World, **environment: str) -> Iterator[_Daemon]:
    plain = without_settings()
    with (world.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd", "run"], env=plain | world.environment | environment, cwd=world.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _Daemon(process)
        finally:
            process.kill()
            process.wait()


def _served_after_s(world: World, daemon: _Daemon, number: int) -> float:
    """Validate a new mission; return how long it took until CACTUS had its contract."""
    row = mission(NEW_FROM + number, updated_at=datetime.now(UTC).isoformat())
    world.missions.put(row)
    since = time.monotonic()
    _until(lambda: _is_created(world.remote, row["mission_id"]), within_s=SERVED_WITHIN_S + 30)
    assert daemon.process.poll() is None
    return time.monotonic() - since


def _is_created(remote: Remote, mission_id: str) -> bool:
    with remote.lock:
        newest = islice(reversed(remote.contracts.values()), 10)
        return any(contract["external_reference"] == mission_id for contract in newest)


def _drained_per_s(crowd: Crowd) -> int:
    """Return how many of the backlog are done in a second."""
    before, since = crowd.due(datetime.now(UTC)), time.monotonic()
    time.sleep(2)
    return round((before - crowd.due(datetime.now(UTC))) / (time.monotonic() - since))


def _until(condition: Callable[[], bool], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
