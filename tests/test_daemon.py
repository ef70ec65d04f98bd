"""The running service: ready, alive, stopped in order, and never ended by a trouble that passes."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from syncd.daemon import End
from syncd.errors import Misconfigured, Transient
from syncd.model import Asked, MissionId, Step
from syncd.store import SqlLedger
from tests.jobs.remotes import HangingCactus
from tests.jobs.running import A_MINUTE, A_SECOND, running
from tests.jobs.test_discover import BrokenStore
from tests.jobs.workshop import Workshop, id_of, open_workshop, until
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.support.service import Manager
from tests.world.missions import mission


@pytest.fixture
def manager() -> Iterator[Manager]:
    """A real socket, in a folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder, closing(Manager(Path(folder))) as listening:
        yield listening


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """Everything that was logged."""
    with capture_logs() as logged:
        yield logged


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    """The jobs of one process on a new ledger."""
    async with open_workshop(tmp_path, tmp_path) as opened:
        yield opened


# ------------------------------------------------------------------------------------------------------ ready and alive


async def test_a_daemon_says_that_it_is_ready_and_does_the_work(workshop: Workshop, manager: Manager) -> None:
    workshop.rows.put(mission(1), mission(2))
    async with running(manager, workshop) as run:
        await until(lambda: len(workshop.post.sent) == 4)

        assert run.manager.heard()[0] == "READY=1"
        assert await run.end() is End.STOPPED
    assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 2}


async def test_new_missions_and_changes_in_cactus_are_seen_while_it_runs(workshop: Workshop, manager: Manager) -> None:
    async with running(manager, workshop) as run:
        workshop.rows.put(mission(1))
        await run.pass_minutes_until(lambda: stands(workshop, Step.AWAITING_STUDENT))
        found = await workshop.cactus.find(id_of(1))
        assert found is not None

        workshop.cactus.fill_student(found.contract_id)

        await run.pass_minutes_until(lambda: stands(workshop, Step.AWAITING_COMPANY))


async def test_the_process_tidies_up_every_minute(workshop: Workshop, manager: Manager) -> None:
    async with running(manager, workshop) as run:
        while len(run.tidied) < 3:
            await run.pass_time(A_MINUTE)


async def stands(workshop: Workshop, step: Step) -> bool:
    """Whether the first contract stands at a step."""
    return await workshop.step(1) is step


async def test_c07_it_shows_life_while_its_worker_gets_on(workshop: Workshop, manager: Manager) -> None:
    async with running(manager, workshop) as run:
        before = run.manager.heard().count("WATCHDOG=1")
        await run.pass_time(timedelta(seconds=20), steps=10)

        assert run.manager.heard().count("WATCHDOG=1") - before >= 8


class LedgerOfTroubles:
    """Passes everything on, unless it is told to hang or to fail."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger
        self.is_away = self.hangs = False
        self.hanging = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if not callable(found):
            return found

        async def call(*arguments: Any, **others: Any) -> Any:
            if self.hangs and name == "claim":
                self.hanging.set()
                await asyncio.Event().wait()
            if self.is_away:
                raise Transient("the ledger is away", is_general=True)
            return await found(*arguments, **others)

        return call


@asynccontextmanager
async def troubled(folder: Path) -> AsyncIterator[tuple[Workshop, LedgerOfTroubles]]:
    """Open a workshop whose ledger can be in trouble."""
    async with open_workshop(folder, folder, wrap=LedgerOfTroubles) as workshop:
        ledger = workshop.works.ledger
        assert isinstance(ledger, LedgerOfTroubles)
        yield workshop, ledger


async def test_c07_a_worker_that_hangs_shows_no_life(tmp_path: Path, manager: Manager) -> None:
    async with troubled(tmp_path) as (workshop, ledger), running(manager, workshop) as run:
        ledger.hangs = True
        await ledger.hanging.wait()
        await run.pass_time(timedelta(minutes=3))
        before = run.manager.heard().count("WATCHDOG=1")

        await run.pass_time(A_MINUTE, steps=10)

        assert run.manager.heard().count("WATCHDOG=1") == before


async def test_b05_a_ledger_that_is_away_ends_nothing_and_is_no_reason_to_be_started_again(
    tmp_path: Path, manager: Manager, lines: list[EventDict]
) -> None:
    async with troubled(tmp_path) as (workshop, ledger), running(manager, workshop) as run:
        ledger.is_away = True
        before = run.manager.heard().count("WATCHDOG=1")
        await run.pass_time(timedelta(minutes=5), steps=10)
        during = run.manager.heard().count("WATCHDOG=1")
        still_runs = not run.task.done()

        ledger.is_away = False
        workshop.rows.put(mission(1))
        await run.pass_time(A_MINUTE)
        await until(lambda: workshop.cactus.initialisations == 1)

        assert still_runs
        assert during > before
        assert "pass.failed" in [line["event"] for line in lines]


@pytest.mark.parametrize(
    "error", [Transient("too slow"), Misconfigured("the column updated_at is gone")], ids=["q13", "q12"]
)
async def test_q12_q13_a_store_in_trouble_pauses_discovery_and_nothing_else(
    tmp_path: Path, manager: Manager, error: Exception, lines: list[EventDict]
) -> None:
    class StoreThatBreaks(BrokenStore):
        async def check(self) -> None:
            """Be well at the start."""

    store = StoreThatBreaks(error)
    async with open_workshop(tmp_path, tmp_path, missions=store) as workshop, running(manager, workshop) as run:
        await until(lambda: workshop.cactus.initialisations == 2)  # what the first page had

        async def has_swept() -> bool:
            await run.pass_time(timedelta(hours=16))  # again and again: it may have been busy
            return await has_failed(workshop, "sweep")

        await until(has_swept)
        await until(lambda: has_failed(workshop, "missions"))

        assert not run.task.done()
        assert "missions.unreachable" in [line["event"] for line in lines]


async def has_failed(workshop: Workshop, name: str) -> bool:
    """Whether a flow did not go through."""
    return any(flow.flow == name and flow.last_error is not None for flow in await workshop.ledger.flows())


# ----------------------------------------------------------------------------------------------------------- beginning


async def test_q12_a_store_that_can_never_work_ends_the_start(tmp_path: Path, manager: Manager) -> None:
    store = BrokenStore(Misconfigured("no key column"))
    async with open_workshop(tmp_path, tmp_path, missions=store) as workshop, running(manager, workshop) as run:
        with pytest.raises(Misconfigured):
            await run.task

        assert run.manager.heard() == []


async def test_a_store_that_is_away_at_the_start_may_come_back(tmp_path: Path, manager: Manager) -> None:
    store = BrokenStore(Transient("away"))
    async with open_workshop(tmp_path, tmp_path, missions=store) as workshop, running(manager, workshop) as run:
        assert run.daemon.is_ready


async def test_what_the_process_before_us_left_is_taken_up(tmp_path: Path, manager: Manager) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1), applies_first=True)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as ended:
        ended.rows.put(mission(1))
        async with running(manager, ended, grace=A_SECOND / 10):
            await cactus.arrived.wait()

    cactus.hang_on()
    async with (
        open_workshop(tmp_path, tmp_path, replica="r2", clock=clock, cactus=cactus) as heir,
        running(manager, heir),
    ):
        await until(lambda: stands(heir, Step.AWAITING_STUDENT))

    assert cactus.initialisations == 1


# ------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(
    workshop: Workshop, manager: Manager, number: signal.Signals, lines: list[EventDict]
) -> None:
    async with running(manager, workshop) as run:
        ended = await run.end(number)

        assert ended is End.STOPPED
        assert run.manager.heard()[-1] == "STOPPING=1"
        assert not run.daemon.is_ready
        assert await workshop.ledger.replicas() == ()
        assert [line["event"] for line in lines][-2:] == ["daemon.stopping", "daemon.stopped"]


async def test_c04_what_is_under_way_is_finished_when_it_ends_soon(tmp_path: Path, manager: Manager) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(mission(1))
        async with running(manager, workshop, grace=timedelta(seconds=5)) as run:
            await cactus.arrived.wait()
            run.send(signal.SIGTERM)
            await asyncio.sleep(0.05)
            workshop.rows.put(mission(2))
            cactus.may_go_on.set()

            assert await asyncio.wait_for(run.task, 5) is End.STOPPED
        assert await workshop.step(1) is Step.AWAITING_STUDENT
        assert cactus.initialisations == 1


async def test_c04_what_hangs_is_left_safe_and_its_lease_is_given_back(tmp_path: Path, manager: Manager) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(*map(MissionId, ["FVMA-2025-0001"]))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(mission(1), mission(2))
        async with running(manager, workshop, grace=timedelta(seconds=0.2)) as run:
            await cactus.arrived.wait()
            begun = asyncio.get_running_loop().time()

            assert await run.end() is End.STOPPED
            took_s = asyncio.get_running_loop().time() - begun
        view = await workshop.view(1)
        assert took_s < 2
        assert (view.facts.asked, view.is_claimed) == (Asked.UNDER_WAY, False)
        assert await workshop.step(2) is Step.AWAITING_STUDENT


async def test_an_error_that_nobody_foresaw_ends_the_process_in_order(tmp_path: Path, manager: Manager) -> None:
    class StoreWithAMistake(BrokenStore):
        async def check(self) -> None:
            """Be well at the start."""

    store = StoreWithAMistake(ZeroDivisionError("a mistake of ours"))
    async with open_workshop(tmp_path, tmp_path, missions=store) as workshop, running(manager, workshop) as run:
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(run.task, 5)

        assert await workshop.ledger.replicas() == ()


# ------------------------------------------------------------------------------------------------------------ reloading


async def test_an_accepted_reload_ends_it_to_begin_anew(workshop: Workshop, manager: Manager) -> None:
    async with running(manager, workshop) as run:
        ended = await run.end(signal.SIGHUP)

        assert ended is End.RELOAD
        assert run.manager.heard()[-2:] == ["RELOADING=1", "MONOTONIC_USEC"]


async def test_a_rejected_reload_changes_nothing(workshop: Workshop, manager: Manager) -> None:
    async with running(manager, workshop, may_reload=lambda: False) as run:
        run.send(signal.SIGHUP)
        await asyncio.sleep(0.05)

        assert not run.task.done()
        assert "RELOADING=1" not in run.manager.heard()
        assert await run.end() is End.STOPPED


async def test_who_is_told_to_stop_while_it_reloads_stops(tmp_path: Path, manager: Manager) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(mission(1))
        async with running(manager, workshop, grace=timedelta(seconds=5)) as run:
            await cactus.arrived.wait()
            run.send(signal.SIGHUP)
            await asyncio.sleep(0.02)
            run.send(signal.SIGTERM)
            await asyncio.sleep(0.02)
            cactus.may_go_on.set()

            assert await asyncio.wait_for(run.task, 5) is End.STOPPED


async def test_a_reload_that_is_asked_for_while_it_stops_is_too_late(tmp_path: Path, manager: Manager) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(mission(1))
        async with running(manager, workshop, grace=timedelta(seconds=5)) as run:
            await cactus.arrived.wait()
            run.send(signal.SIGTERM)
            await asyncio.sleep(0.02)
            run.send(signal.SIGHUP)
            await asyncio.sleep(0.02)
            cactus.may_go_on.set()

            assert await asyncio.wait_for(run.task, 5) is End.STOPPED
