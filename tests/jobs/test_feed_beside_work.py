"""The change feed beside the work: what both find out about one contract, and in which order."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.jobs.effects import adopted_or_conflicting
from syncd.jobs.watch import watch
from syncd.model import Asked, ContractId, RemoteContract, Step
from syncd.ports.ledger import Amendment
from tests.jobs.remotes import HangingCactus
from tests.jobs.test_watch import compare_by, contract_of, read_feed
from tests.jobs.workshop import Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW


async def test_the_feed_tells_of_a_lost_answer_before_its_time_has_come(workshop: Workshop) -> None:
    workshop.cactus.faults.answers_to_lose = 1
    await workshop.initialised(1)
    waiting = await workshop.step(1)

    await read_feed(workshop)  # no time has passed

    assert waiting is Step.TO_INITIALISE
    assert await workshop.step(1) is Step.AWAITING_STUDENT


@pytest.mark.parametrize("asked", [Asked.UNKNOWN, Asked.ABSENT])
@pytest.mark.parametrize("source", ["feed", "comparison of every day", "reconcile"])
async def test_r03_what_was_applied_late_is_linked_although_the_mission_is_held_by_then(
    asked: Asked, source: str, workshop: Workshop
) -> None:
    workshop.cactus.faults.answers_to_lose = 1
    await workshop.initialised(1)
    await workshop.ledger.amend(
        [id_of(1)],
        lambda f: Amendment(facts=replace(f, asked=asked, manual_hold="wait", not_before=None)),
        now=workshop.clock.now(),
    )

    await (read_feed(workshop) if source == "feed" else compare_by(workshop, is_reconcile=source == "reconcile"))

    facts = (await workshop.view(1)).facts
    assert facts.contract_id is not None
    assert await workshop.step(1) is Step.HELD


async def test_what_feed_and_look_up_find_at_the_same_time_is_told_once(workshop: Workshop) -> None:
    workshop.cactus.faults.answers_to_lose = 1
    await workshop.initialised(1)
    found = await workshop.cactus.find(id_of(1))
    take_in = adopted_or_conflicting(found, now=workshop.clock.now())

    await read_feed(workshop)
    await workshop.ledger.amend([id_of(1)], take_in, now=workshop.clock.now())

    assert (await workshop.events(1)).count("contract.adopted") == 1
    assert await workshop.step(1) is Step.AWAITING_STUDENT


class SlowReader(MockCactus):
    """Answers a reading as things were when it was asked, after the test has let it go."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.is_slow = False
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Read now, answer later."""
        answer = await super().read(contract_id, etag=etag)
        if self.is_slow:
            self.is_slow = False
            self.asked.set()
            await self.may_answer.wait()
        return answer


async def test_an_old_answer_does_not_undo_what_the_feed_told_meanwhile(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = SlowReader(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(1)
        contract_id = (await contract_of(workshop, 1)).contract_id
        cactus.say_status(contract_id, "in_progress")
        cactus.is_slow = True
        clock.advance(timedelta(days=2))  # read again, whatever the feed says
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.asked.wait()

        cactus.fill_student(contract_id)
        await watch(cactus, workshop.works.cactus_gate, workshop.ledger, clock)
        cactus.may_answer.set()
        await working

        assert await workshop.step(1) is Step.AWAITING_COMPANY


async def test_what_the_feed_tells_before_the_creation_is_answered_is_not_forgotten(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1), applies_first=True)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()

        cactus.fill_student((await contract_of(workshop, 1)).contract_id)
        await watch(cactus, workshop.works.cactus_gate, workshop.ledger, clock)
        cactus.may_go_on.set()
        await working

        view = await workshop.view(1)
        assert (view.facts.asked, view.row.step) == (Asked.ANSWERED, Step.AWAITING_COMPANY)
