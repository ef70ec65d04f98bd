"""Working on contracts: one failure is one contract's, unknown outcomes are found out, a stop leaves no doubt."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.typing import EventDict

from syncd.errors import RefusalCode, Refused, Transient
from syncd.model import Asked, HoldCode, Policy, Step
from syncd.ports.ledger import Claim, Claimed, Outcome
from syncd.store import SqlLedger
from tests.jobs.remotes import HangingCactus, LateCactus, StumblingCactus, WatchedCactus
from tests.jobs.workshop import A_SECOND, LEASE, PATIENCE, POLICY, Workshop, id_of, numbered, open_workshop, until
from tests.support.clock import FixedClock
from tests.support.facts import KEYLESS, MUTE, NOW

SOON = timedelta(seconds=5)
POLICIES = {"with keys": POLICY, "without keys": replace(KEYLESS, patience=PATIENCE)}


@pytest.fixture(params=list(POLICIES))
def policy(request: pytest.FixtureRequest) -> Policy:
    """A remote that honours keys, and one that does not."""
    return POLICIES[request.param]


async def codes(workshop: Workshop, number: int) -> set[HoldCode]:
    """Return why a contract is held."""
    return set((await workshop.view(number)).row.hold_codes)


# ----------------------------------------------------------------------------------------------------- the usual way


async def test_everything_that_is_due_is_done_never_more_at_once_than_allowed(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = WatchedCactus(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, concurrency=4) as workshop:
        await workshop.discover(*(numbered(number) for number in range(1, 31)))

        performed = await workshop.works.advancer.drain()

        assert (performed, cactus.initialisations, cactus.most) == (30, 30, 4)
        assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 30}
        assert not workshop.works.advancer.is_busy


class LedgerThatIsLookedAt:
    """Passes everything on, and tells `on_claim` of each claim before it is made."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger
        self.on_claim: list[bool] = []
        self.is_busy: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def claim(self, **how: Any) -> Claimed:
        """Claim."""
        self.on_claim.append(self.is_busy())
        return await self._ledger.claim(**how)


async def test_it_is_busy_from_what_it_finds_until_there_is_no_more(tmp_path: Path) -> None:
    looked_at: list[LedgerThatIsLookedAt] = []

    def look(ledger: SqlLedger) -> LedgerThatIsLookedAt:
        looked_at.append(LedgerThatIsLookedAt(ledger))
        return looked_at[0]

    async with open_workshop(tmp_path, tmp_path, concurrency=1, wrap=look) as workshop:
        (ledger,), advancer = looked_at, workshop.works.advancer
        ledger.is_busy = lambda: advancer.is_busy
        await workshop.discover(*(numbered(number) for number in range(1, 8)))

        await advancer.drain()

        changes = [is_busy for is_busy, _ in groupby(ledger.on_claim)]
        assert changes in ([False, True], [False, True, False])
        assert sum(ledger.on_claim) > 1
        assert not advancer.is_busy


async def test_driving_some_contracts_leaves_the_others_alone(workshop: Workshop) -> None:
    await workshop.discover(*(numbered(number) for number in range(1, 25)))

    await workshop.works.advancer.drive([id_of(3), id_of(20)])

    assert workshop.cactus.initialisations == 2
    assert [await workshop.step(number) for number in (3, 20)] == [Step.AWAITING_STUDENT, Step.AWAITING_STUDENT]


async def test_the_brake_lets_so_many_through_and_an_approval_lets_the_others(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, creations=3) as workshop:
        await workshop.discover(*(numbered(number) for number in range(1, 6)))
        await workshop.works.advancer.drain()
        braked = workshop.cactus.initialisations

        await workshop.ledger.approve("contracts", now=workshop.clock.now())
        await workshop.drain_later(timedelta(minutes=2))

        assert (braked, workshop.cactus.initialisations) == (3, 5)


# ---------------------------------------------------------------------------------------- one failure is one contract's


async def test_a_mistake_of_ours_in_one_effect_is_a_failed_attempt_of_that_contract_only(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    clock = FixedClock(NOW)
    cactus = StumblingCactus(clock)
    cactus.stumbles_at = id_of(2)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(1, 2, 3)
        stumbled = (await workshop.view(2)).facts

        cactus.stumbles_at = None
        await workshop.drain_later(SOON)

        assert (stumbled.asked, stumbled.attempts, stumbled.last_error) == (
            Asked.UNKNOWN, 1, "unexpected ZeroDivisionError",
        )  # fmt: skip
        assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 3}
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["contract.crashed"]


async def test_a_contract_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.run())
        await cactus.arrived.wait()

        await workshop.discover(numbered(2))
        workshop.works.advancer.wake.set()
        await until(lambda: workshop.stands_at(2, Step.AWAITING_STUDENT))

        assert await workshop.step(1) is Step.TO_INITIALISE
        cactus.may_go_on.set()
        await workshop.works.advancer.stop()
        await working


async def test_r06_a_request_in_progress_is_waited_for_and_is_nobody_s_failure_but_its_own(workshop: Workshop) -> None:
    workshop.cactus.faults.failure = Transient("in progress")
    await workshop.initialised(1)
    waiting = (await workshop.view(1)).facts

    workshop.cactus.faults.failure = None
    await workshop.drain_later(SOON)

    assert (waiting.asked, waiting.attempts) == (Asked.NOT_APPLIED, 1)
    assert workshop.works.cactus_gate.state.failures == 0
    assert await workshop.step(1) is Step.AWAITING_STUDENT


@pytest.mark.parametrize(
    ("code", "hold"),
    [(RefusalCode.KEY_REUSED, HoldCode.REMOTE_CONFLICT), (RefusalCode.INVALID, HoldCode.REMOTE_REFUSED)],
    ids=["r07", "r09"],
)
async def test_r07_r09_a_refusal_is_held_and_never_repeated(
    workshop: Workshop, code: RefusalCode, hold: HoldCode
) -> None:
    workshop.cactus.faults.refusal = Refused("no: student.email", code=code)

    await workshop.initialised(1)
    await workshop.drain_later(timedelta(days=2))

    assert await codes(workshop, 1) == {hold}
    assert workshop.cactus.initialisations == 1


# -------------------------------------------------------------------------------------------------- unknown outcomes


@pytest.mark.parametrize("applied", [False, True], ids=["r01", "r02"])
async def test_r01_r02_a_lost_request_or_answer_makes_one_contract(
    tmp_path: Path, policy: Policy, applied: bool
) -> None:
    async with open_workshop(tmp_path, tmp_path, policy=policy) as workshop:
        faults = workshop.cactus.faults
        faults.answers_to_lose, faults.requests_to_lose = int(applied), int(not applied)
        await workshop.initialised(1)
        unknown = (await workshop.view(1)).facts.asked

        for _ in range(40):
            await workshop.drain_later(SOON)

        assert unknown is Asked.UNKNOWN
        assert await workshop.step(1) is Step.AWAITING_STUDENT
        assert workshop.cactus.initialisations == (1 if applied else 2)
        assert (await workshop.cactus.find(id_of(1))) is not None


async def test_r03_nothing_is_asked_twice_while_the_first_may_still_be_applied(tmp_path: Path) -> None:
    clock, policy = FixedClock(NOW), POLICIES["without keys"]
    cactus = LateCactus(clock, capabilities=policy.capabilities)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, policy=policy) as workshop:
        await workshop.initialised(1)
        for _ in range(20):  # 100 of the 120 seconds that CACTUS may take
            await workshop.drain_later(SOON)
        before = cactus.initialisations

        cactus.apply_at_last()
        for _ in range(20):
            await workshop.drain_later(SOON)

        assert (before, cactus.initialisations) == (1, 1)
        assert await workshop.step(1) is Step.AWAITING_STUDENT


async def test_r05_after_a_long_outage_a_contract_is_looked_up_before_an_expired_key_is_used(
    workshop: Workshop,
) -> None:
    workshop.cactus.faults.answers_to_lose = 1
    await workshop.initialised(1)
    workshop.cactus.faults.is_unavailable = True
    for _ in range(26):
        await workshop.drain_later(timedelta(hours=1))

    workshop.cactus._keys.clear()
    workshop.cactus.faults.is_unavailable = False
    await workshop.drain_later(timedelta(hours=1))

    assert workshop.cactus.initialisations == 1
    assert await workshop.step(1) is Step.AWAITING_STUDENT


async def test_r08_an_answer_about_another_contract_is_looked_up_like_a_lost_one(workshop: Workshop) -> None:
    workshop.cactus.faults.answers_to_lose = 1  # the adapter says so of an answer that it cannot believe
    await workshop.initialised(1)

    await workshop.drain_later(SOON)

    assert "contract.adopted" in await workshop.events(1)
    assert workshop.cactus.initialisations == 1


async def test_a_contract_that_is_another_s_under_our_reference_is_a_conflict(workshop: Workshop) -> None:
    await workshop.cactus.initialise(numbered(1, student_number="somebody else"), key="by hand")

    await workshop.initialised(1, 2)

    assert await codes(workshop, 1) == {HoldCode.REMOTE_CONFLICT}
    assert await workshop.step(2) is Step.AWAITING_STUDENT


# ------------------------------------------------------------------------------------------------- stopping and leases


async def test_a_stop_finishes_what_is_under_way_and_leaves_what_did_not_begin_as_if_untouched(tmp_path: Path) -> None:
    clock, policy = FixedClock(NOW), replace(MUTE, patience=PATIENCE)
    cactus = HangingCactus(clock, capabilities=policy.capabilities)
    cactus.hang_on(id_of(1), id_of(2))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, policy=policy, concurrency=1) as workshop:
        await workshop.discover(numbered(1), numbered(2))
        working = asyncio.create_task(workshop.works.advancer.run())
        await cactus.arrived.wait()

        stopping = asyncio.create_task(workshop.works.advancer.stop())
        await asyncio.sleep(0.01)
        cactus.may_go_on.set()
        await stopping
        await working

        finished, untouched = sorted([(await workshop.view(n)).facts for n in (1, 2)], key=lambda f: f.asked.value)
        assert (finished.asked, untouched.asked) == (Asked.ANSWERED, Asked.NOT_APPLIED)
        assert cactus.initialisations == 1
        assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 1, Step.TO_INITIALISE: 1}


@pytest.mark.parametrize("applies_first", [False, True])
async def test_what_a_stop_cannot_wait_for_is_found_out_by_the_next_process(
    tmp_path: Path, applies_first: bool
) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1), applies_first=applies_first)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.run())
        await cactus.arrived.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(workshop.works.advancer.stop(), 0.01)
        await workshop.works.advancer.abandon()
        await working
        await workshop.ledger.sign_off()
        cactus.may_go_on.set()

    async with open_workshop(tmp_path, tmp_path, replica="r2", clock=clock, cactus=cactus) as following:
        cactus.hang_on()
        await following.ledger.rescue(now=clock.now())
        await following.works.advancer.drain()

        assert await following.step(1) is Step.AWAITING_STUDENT
        assert ("contract.adopted" in await following.events(1)) is applies_first
        assert cactus.initialisations == 1


async def test_l03_a_lease_that_is_renewed_lasts_for_as_long_as_it_takes(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1), id_of(2))
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus, concurrency=1) as workshop:
        await workshop.discover(numbered(1), numbered(2))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()
        for _ in range(6):
            clock.advance(LEASE / 5)
            await workshop.works.advancer.renew_leases()

        cactus.may_go_on.set()
        await asyncio.wait_for(working, 5)

        assert "contract.unrecorded" not in [line["event"] for line in lines]
        assert cactus.initialisations == 2
        assert len({c.external_reference for c in (await cactus.changes(None, limit=9)).items}) == 2


class FlakyLedger:
    """Passes everything on, but fails some recordings before they reach the ledger."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger
        self.failures: list[Exception] = []
        self.poison: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record(self, outcomes: list[Outcome], **others: Any) -> tuple[Claim | None, ...]:
        """Fail, or record."""
        if self.failures:
            raise self.failures.pop(0)
        if self.poison in {outcome.mission_id for outcome in outcomes}:
            raise ZeroDivisionError
        return await self._ledger.record(outcomes, **others)


async def test_an_outcome_is_recorded_as_soon_as_the_ledger_is_back(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, wrap=FlakyLedger) as workshop:
        flaky = cast("FlakyLedger", workshop.works.ledger)
        flaky.failures = [Transient("away", is_general=True)] * 3
        await workshop.discover(numbered(1))
        working = asyncio.create_task(workshop.works.advancer.drain())
        while not working.done():
            await asyncio.sleep(0.001)
            workshop.clock.advance(A_SECOND / 10)

        assert workshop.cactus.initialisations == 1
        assert await workshop.step(1) is Step.AWAITING_STUDENT
        assert (await workshop.view(1)).facts.attempts == 0


async def test_q10_what_cannot_be_recorded_is_tried_alone_and_then_set_aside(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, wrap=FlakyLedger) as workshop:
        flaky = cast("FlakyLedger", workshop.works.ledger)
        flaky.poison = id_of(2)
        await workshop.initialised(1, 2, 3)
        others = [await workshop.step(number) for number in (1, 3)]

        for _ in range(6):
            await workshop.drain_later(LEASE + A_SECOND)

        assert others == [Step.AWAITING_STUDENT, Step.AWAITING_STUDENT]
        assert await codes(workshop, 2) == {HoldCode.QUARANTINED}
        assert workshop.cactus.initialisations == 3
