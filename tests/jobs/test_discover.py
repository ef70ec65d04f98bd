"""Discovering missions: page by page, before, while and after they are sent."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncd.errors import Misconfigured, Transient
from syncd.jobs.discover import discover
from syncd.model import HoldCode, Mission, MissionId
from syncd.ports.ledger import CursorMove, RowsRecorded
from syncd.ports.missions import MissionPage
from syncd.store import SqlLedger
from tests.jobs.remotes import HangingCactus
from tests.jobs.test_watch import contract_of
from tests.jobs.workshop import Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.support.log import RecordingLog
from tests.world.missions import mission


async def test_missions_are_discovered_page_by_page_and_read_again_at_no_write(workshop: Workshop) -> None:
    workshop.rows.put(*(mission(number) for number in range(1, 4)))

    first = await discover(workshop.works.missions, workshop.ledger, workshop.clock)
    again = await discover(workshop.works.missions, workshop.ledger, workshop.clock)

    assert first == RowsRecorded(new=3, changed=0, unchanged=0)
    assert (again.new, again.changed) == (0, 0)
    (flow,) = [flow for flow in await workshop.ledger.flows() if flow.flow == "missions"]
    assert flow.last_success_at == workshop.clock.now()


class BrokenStore:
    """A store whose second page cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def changed_since(self, cursor: str | None, *, limit: int) -> MissionPage:  # noqa: ARG002 - the port's shape
        """Return one page, then fail."""
        if cursor is not None:
            raise self.error
        return MissionPage(missions=(numbered(1), numbered(2)), cursor="after two", has_more=True)

    async def page(self, after: MissionId | None, *, limit: int) -> tuple[Mission, ...]:  # noqa: ARG002 - the port's shape
        """Fail."""
        raise self.error

    async def existing(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:  # noqa: ARG002 - the port's shape
        """Fail."""
        raise self.error

    async def read(self, mission_ids: Sequence[MissionId]) -> tuple[Mission, ...]:  # noqa: ARG002 - the port's shape
        """Fail."""
        raise self.error

    async def check(self) -> None:
        """Fail."""
        raise self.error

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("error", [Transient("too slow"), Misconfigured("no key column")], ids=["q13", "q12"])
async def test_q12_q13_what_was_read_before_the_store_failed_is_kept_with_its_cursor(
    tmp_path: Path, error: Exception
) -> None:
    async with open_workshop(tmp_path, tmp_path, missions=BrokenStore(error)) as workshop:
        with pytest.raises(type(error)):
            await discover(workshop.works.missions, workshop.ledger, workshop.clock)

        assert await workshop.ledger.cursor("missions") == "after two"
        assert await workshop.ledger.known_ids([id_of(1), id_of(2)]) == {id_of(1), id_of(2)}


class LedgerThatTakesNoRows(SqlLedger):
    """Commits whatever it is given, but for rows."""

    async def record_rows(
        self, missions: Sequence[Mission], *, now: datetime, move: CursorMove | None = None
    ) -> RowsRecorded:
        """Fail when there is a row."""
        if missions:
            raise Transient("away", is_general=True)
        return await super().record_rows(missions, now=now, move=move)


async def test_q03_a_place_in_the_store_is_never_saved_before_the_rows_that_it_has_passed(workshop: Workshop) -> None:
    store = BrokenStore(Transient("too slow"))
    stopping = LedgerThatTakesNoRows(workshop.ledger._database, workshop.ledger._identity)

    with pytest.raises(Transient):
        await discover(store, stopping, workshop.clock)

    assert await workshop.ledger.cursor("missions") is None


async def test_q05_a_mission_that_changes_before_it_is_sent_is_sent_as_it_is_then(workshop: Workshop) -> None:
    await workshop.discover(numbered(1))
    await workshop.discover(numbered(1, mission_title="Autre titre"))

    await workshop.works.advancer.drain()

    sent = (await workshop.view(1)).facts.sent
    assert sent is not None
    assert sent.mission_title == "Autre titre"


async def test_q05_a_mission_that_changes_while_it_is_sent_is_sent_as_it_was_and_held(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()

        await workshop.discover(numbered(1, mission_title="Autre titre"))
        cactus.may_go_on.set()
        await working

        view = await workshop.view(1)
        assert view.facts.sent is not None
        assert view.facts.sent.mission_title == numbered(1).mission_title
        assert view.row.hold_codes == (HoldCode.MISSION_CHANGED_SINCE_VALIDATION,)
        assert cactus.initialisations == 1


async def test_q06_a_mission_that_is_withdrawn_while_it_is_sent_ends_held_with_its_contract(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()

        await workshop.discover(numbered(1, status="withdrawn"))
        cactus.may_go_on.set()
        await working

        view = await workshop.view(1)
        assert view.row.hold_codes == (HoldCode.MISSION_WITHDRAWN,)
        assert view.facts.contract_id is not None
        assert (await contract_of(workshop, 1)).status == "initialised"
        assert [letter.event for letter in view.letters] == ["mission.withdrawn"]


class SlowStore(BrokenStore):
    """A store whose every page takes eleven seconds."""

    def __init__(self, clock: FixedClock, pages: int) -> None:
        super().__init__(AssertionError("not asked"))
        self._clock, self._left = clock, pages

    async def changed_since(self, cursor: str | None, *, limit: int) -> MissionPage:  # noqa: ARG002 - the port's shape
        """Return the next page of one mission."""
        self._clock.advance(timedelta(seconds=11))
        self._left -= 1
        return MissionPage(missions=(numbered(self._left),), cursor=str(self._left), has_more=self._left > 0)


async def test_a_long_reading_tells_the_log_how_far_it_has_come(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RecordingLog()
    monkeypatch.setattr("syncd.jobs.progress.log", log)

    await discover(SlowStore(workshop.clock, pages=3), workshop.ledger, workshop.clock)

    assert [(line.event, line.keys["count"]) for line in log.lines] == [
        ("missions.reading", 1), ("missions.reading", 2), ("missions.reading", 3),
    ]  # fmt: skip
