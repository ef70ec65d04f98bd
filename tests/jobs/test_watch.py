"""Watching the change feed: again, out of order, late, never."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.typing import EventDict

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import CredentialsRefused, CursorExpired, OutcomeUnknown, Transient
from syncd.jobs.compare import compare, compare_when_due
from syncd.jobs.once import ask_feed
from syncd.jobs.watch import watch
from syncd.model import ContractId, Event, MissionId, Part, RemoteContract, Step
from syncd.ports.cactus import FeedPage
from syncd.ports.ledger import Amend, CursorMove
from syncd.store import SqlLedger
from tests.jobs.workshop import A_SECOND, Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW

DONE = Part(state="done")


async def read_feed(workshop: Workshop) -> int:
    """Read the feed and work."""
    works = workshop.works
    moved = await watch(works.cactus, works.cactus_gate, workshop.ledger, workshop.clock)
    await works.advancer.drain()
    return moved


async def compare_by(workshop: Workshop, *, is_reconcile: bool) -> None:
    """Read everything that CACTUS lists, and work."""
    if is_reconcile:
        await compare(workshop.works)
    else:
        await compare_when_due(workshop.works)  # a new ledger: the day begins
        workshop.clock.advance(timedelta(days=1))
        await compare_when_due(workshop.works)
    await workshop.works.advancer.drain()


async def contract_of(workshop: Workshop, number: int) -> RemoteContract:
    """Return what CACTUS has."""
    found = await workshop.cactus.find(id_of(number))
    assert found is not None
    return found


class ScriptedFeed(MockCactus):
    """Says in its feed what the test puts there, page by page; everything else is as it is."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.pages: list[tuple[RemoteContract, ...]] = []
        self.reads = 0

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:  # noqa: ARG002 - the port's shape
        """Return the next page."""
        start = int(after or "0")
        items = self.pages[start] if start < len(self.pages) else ()
        end = min(start + 1, len(self.pages))
        return FeedPage(items=items, cursor=str(end), has_more=end < len(self.pages))

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Count how often a contract is asked for by itself."""
        self.reads += 1
        return await super().read(contract_id, etag=etag)


async def test_q01_an_entry_that_comes_again_changes_nothing(workshop: Workshop) -> None:
    await workshop.initialised(1)
    await read_feed(workshop)
    workshop.cactus.fill_student((await contract_of(workshop, 1)).contract_id)

    first = await read_feed(workshop)
    await workshop.ledger.amend((), lambda _: None, now=workshop.clock.now())
    workshop.cactus._changed += workshop.cactus._changed
    again = await read_feed(workshop)

    assert (first, again) == (1, 0)
    told = [str(letter.event) for letter in (await workshop.view(1)).letters]
    assert told.count("student_part.done") == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 2)], ids=str)
async def test_q02_whatever_the_order_of_the_feed_the_state_is_the_remote_s(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    clock = FixedClock(NOW)
    cactus = ScriptedFeed(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(1)
        contract_id = (await contract_of(workshop, 1)).contract_id
        states = [await contract_of(workshop, 1)]
        for act in (cactus.fill_student, cactus.fill_company):
            clock.advance(A_SECOND)
            states.append(act(contract_id))
        cactus.pages = [(states[number],) for number in order]

        await read_feed(workshop)

        known = (await workshop.view(1)).facts.remote
        assert known is not None
        assert replace(known, etag=None) == replace(states[2], etag=None)
        assert await workshop.step(1) is Step.AWAITING_DOCUMENTS


async def test_entries_of_one_page_are_taken_in_together_and_told_one_by_one(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = ScriptedFeed(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(1)
        contract_id = (await contract_of(workshop, 1)).contract_id
        states = []
        for act in (cactus.fill_student, cactus.fill_company):
            clock.advance(A_SECOND)
            states.append(act(contract_id))
        cactus.pages = [tuple(states)]

        await read_feed(workshop)

        assert (await workshop.events(1)).count("contract.changed") == 2
        assert cactus.reads == 0


async def test_q03_q08_entries_about_contracts_that_are_nobody_s_are_passed_over(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    clock = FixedClock(NOW)
    cactus = ScriptedFeed(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(1)
        ours = await contract_of(workshop, 1)
        cactus.pages = [
            (
                RemoteContract(contract_id=ContractId("typed by hand"), external_reference=None, status="generated"),
                RemoteContract(contract_id=ContractId("x"), external_reference="another system", status="orbiting"),
                RemoteContract(contract_id=ContractId("y"), external_reference=id_of(1), status="cancelled"),
            )
        ]

        moved = await read_feed(workshop)

        assert moved == 0
        assert (await workshop.view(1)).facts.contract_id == ours.contract_id
        assert await workshop.step(1) is Step.AWAITING_STUDENT


async def test_a_feed_that_forgot_our_place_is_read_from_its_beginning(
    workshop: Workshop, lines: list[EventDict]
) -> None:
    await workshop.initialised(1, 2)
    await read_feed(workshop)
    workshop.cactus.fill_student((await contract_of(workshop, 2)).contract_id)

    workshop.cactus.expire_cursors()
    await read_feed(workshop)

    assert [await workshop.step(number) for number in (1, 2)] == [Step.AWAITING_STUDENT, Step.AWAITING_COMPANY]
    assert "feed.restarted" in [line["event"] for line in lines]
    assert await workshop.ledger.cursor("feed") == "1:3"


async def test_a_feed_that_has_no_beginning_is_a_trouble_and_no_endless_loop(
    workshop: Workshop, lines: list[EventDict]
) -> None:
    class NoFeed(MockCactus):
        asked = 0

        async def changes(self, after: str | None, *, limit: int) -> FeedPage:  # noqa: ARG002 - the port's shape
            self.asked += 1
            raise CursorExpired("gone")

    cactus = NoFeed(workshop.clock)

    with pytest.raises(Transient, match="beginning"):
        await watch(cactus, workshop.works.cactus_gate, workshop.ledger, workshop.clock)

    assert cactus.asked == 1


async def test_a_feed_that_forgets_each_place_it_gave_is_a_trouble_and_no_endless_loop(
    workshop: Workshop, lines: list[EventDict]
) -> None:
    class ForgetfulFeed(MockCactus):
        asked = 0

        async def changes(self, after: str | None, *, limit: int) -> FeedPage:  # noqa: ARG002 - the port's shape
            self.asked += 1
            assert self.asked < 10, "it goes on for ever"
            if after is not None:
                raise CursorExpired("gone")
            return FeedPage(items=(), cursor="somewhere", has_more=True)

    cactus = ForgetfulFeed(workshop.clock)

    with pytest.raises(Transient, match="forgets"):
        await watch(cactus, workshop.works.cactus_gate, workshop.ledger, workshop.clock)

    assert [line["event"] for line in lines].count("feed.restarted") == 1


class LedgerThatStops(SqlLedger):
    """Never gets as far as to commit what a page says of a contract."""

    async def amend(
        self,
        mission_ids: Sequence[MissionId],
        apply: Amend,
        *,
        now: datetime,
        move: CursorMove | None = None,
        resting: bool = False,
    ) -> frozenset[MissionId]:
        """Fail, unless it is about no contract at all."""
        if mission_ids:
            raise Transient("away", is_general=True)
        return await super().amend(mission_ids, apply, now=now, move=move, resting=resting)


async def test_q03_a_cursor_is_never_saved_before_what_it_has_passed(workshop: Workshop) -> None:
    await workshop.initialised(1)
    await read_feed(workshop)
    before = await workshop.ledger.cursor("feed")
    workshop.cactus.fill_student((await contract_of(workshop, 1)).contract_id)
    stopping = LedgerThatStops(workshop.ledger._database, workshop.ledger._identity)

    with pytest.raises(Transient):
        await watch(workshop.cactus, workshop.works.cactus_gate, stopping, workshop.clock)
    unchanged = await workshop.ledger.cursor("feed")
    await read_feed(workshop)

    assert unchanged == before
    assert await workshop.step(1) is Step.AWAITING_COMPANY
    assert workshop.works.cactus_gate.state.failures == 0  # the ledger's trouble is not the remote's


async def test_an_unknown_word_is_kept_alerted_and_survived(workshop: Workshop, lines: list[EventDict]) -> None:
    await workshop.initialised(1)
    contract_id = (await contract_of(workshop, 1)).contract_id
    workshop.cactus.say_status(contract_id, "en_orbite")

    await read_feed(workshop)
    unknown = await workshop.view(1)
    workshop.cactus.fill_student(contract_id)
    await read_feed(workshop)

    assert (unknown.row.step, unknown.facts.remote and unknown.facts.remote.status) == (
        Step.AWAITING_STUDENT, "en_orbite",
    )  # fmt: skip
    assert "contract.status_unknown" in await workshop.events(1)
    assert await workshop.step(1) is Step.AWAITING_COMPANY


# ------------------------------------------------------------------------------------------------ asking with patience


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (Transient("down", is_general=True), "feed.failed"),
        (OutcomeUnknown("no answer"), "feed.failed"),
        (CredentialsRefused("no"), "credentials.refused"),
    ],
)
async def test_a_feed_that_fails_is_noted_and_counts_against_the_remote(
    workshop: Workshop, error: Transient, event: str, lines: list[EventDict]
) -> None:
    workshop.cactus.faults.failure = error

    moved = await ask_feed(workshop.works)

    (flow,) = [flow for flow in await workshop.ledger.flows() if flow.flow == "feed"]
    assert (moved, flow.last_error) == (0, error.message)
    assert workshop.works.cactus_gate.general_failures == 1
    assert [line["event"] for line in lines] == [event]


async def test_a_closed_gate_keeps_the_feed_from_being_asked(workshop: Workshop) -> None:
    await workshop.works.cactus_gate.note_failure(CredentialsRefused("no"))

    await ask_feed(workshop.works)

    assert await workshop.ledger.cursor("feed") is None


async def test_b07_a_contract_that_a_restored_ledger_has_forgotten_is_found_although_its_mission_was_withdrawn(
    workshop: Workshop,
) -> None:
    await workshop.cactus.initialise(numbered(1), key="of the forgotten past")
    await workshop.discover(numbered(1, status="withdrawn"))
    await workshop.works.advancer.drain()
    forgotten = await workshop.step(1)

    await read_feed(workshop)

    view = await workshop.view(1)
    assert forgotten is Step.CLOSED
    assert (view.row.step, view.facts.contract_id is not None) == (Step.HELD, True)
    assert [letter.event for letter in view.letters] == [Event.MISSION_WITHDRAWN]
