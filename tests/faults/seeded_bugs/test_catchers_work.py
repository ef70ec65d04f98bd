"""What planted bugs have shown that no other test noticed: leases at their edge, and the failure that closes a gate."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from structlog.typing import EventDict

from syncd.actions import Initialise
from syncd.errors import Transient
from syncd.jobs.failures import failure
from syncd.model import Asked
from syncd.store import SqlLedger
from tests.jobs.remotes import HangingCactus
from tests.jobs.workshop import LEASE, PATIENCE, Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW, asked


class LedgerThatRenewsNothing:
    """Passes everything on, but for questions about leases."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def renew(self, _tokens: object, **_: object) -> frozenset[str]:
        """Fail."""
        raise Transient("away", is_general=True)


async def test_l03_nothing_is_begun_in_the_last_quarter_of_a_lease_that_cannot_be_renewed(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1), id_of(2))
    async with open_workshop(
        tmp_path, tmp_path, clock=clock, cactus=cactus, concurrency=1, wrap=LedgerThatRenewsNothing
    ) as workshop:
        await workshop.discover(numbered(1), numbered(2))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()

        clock.advance(LEASE * 4 / 5)
        cactus.may_go_on.set()
        await asyncio.wait_for(working, 5)

        assert cactus.initialisations == 1
        assert "contract.unrecorded" in [line["event"] for line in lines]


async def test_r02_the_lost_answer_that_closes_the_gate_is_as_unknown_as_the_others(workshop: Workshop) -> None:
    ten = range(1, 11)
    workshop.cactus.faults.answers_to_lose = len(ten)

    await workshop.initialised(*ten)

    assert workshop.works.cactus_gate.closed_until() is not None
    assert {(await workshop.view(number)).facts.asked for number in ten} == {Asked.UNKNOWN}


def test_r12_a_contract_that_is_to_wait_for_ten_years_is_asked_for_again_within_the_hour() -> None:
    facts = asked(Asked.UNDER_WAY, at=NOW)
    error = Transient("later", retry_after=timedelta(days=3650))
    amend = failure(Initialise(mission=facts.mission, key="k"), error, FixedClock(NOW), PATIENCE)

    amendment = amend(facts)

    assert amendment is not None
    assert amendment.facts.not_before == NOW + timedelta(hours=1)


async def test_b07_a_ledger_that_lost_its_letters_queues_them_again_under_the_same_names(tmp_path: Path) -> None:
    names = []
    for folder in (tmp_path / "before", tmp_path / "restored"):
        folder.mkdir()
        async with open_workshop(folder, folder) as workshop:
            await workshop.initialised(1)
            names.append({letter.message_id for letter in await workshop.ledger.letters()})

    assert len(names[0]) == 2
    assert names[0] == names[1]
