"""The remote as a whole: refused credentials, rate limits, an outage, and who is tried while many fail."""

from datetime import timedelta
from pathlib import Path

from syncd.errors import CredentialsRefused, Transient
from syncd.model import Step
from tests.jobs.remotes import WatchedCactus
from tests.jobs.workshop import Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW


async def test_r11_refused_credentials_stop_everybody_and_burn_nobody_s_attempts(workshop: Workshop) -> None:
    workshop.cactus.faults.failure = CredentialsRefused("no")
    await workshop.initialised(*range(1, 21))
    attempts = [(await workshop.view(number)).facts.attempts for number in range(1, 21)]
    asked = workshop.cactus.initialisations

    workshop.cactus.faults.failure = None
    for _ in range(4):
        await workshop.drain_later(timedelta(seconds=20))

    assert asked <= 8  # what was under way at once
    assert set(attempts) == {0}
    assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 20}


async def test_r12_a_rate_limit_slows_the_whole_adapter(workshop: Workshop) -> None:
    workshop.cactus.faults.failure = Transient("slow", is_general=True, retry_after=timedelta(seconds=60))
    await workshop.initialised(*range(1, 21))
    asked = workshop.cactus.initialisations
    workshop.cactus.faults.failure = None

    early = await workshop.drain_later(timedelta(seconds=50))
    await workshop.drain_later(timedelta(seconds=12))

    assert asked <= 8
    assert early == 0
    assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 20}


async def test_r13_thirty_minutes_of_failures_exhaust_nobody_and_no_herd_follows(tmp_path: Path) -> None:
    clock = FixedClock(NOW, throws=[number / 17 for number in range(17)])
    cactus = WatchedCactus(clock)
    cactus.refuse_all = lambda: Transient("503", is_general=True)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await workshop.initialised(*range(1, 25))
        first = len(cactus.asked)
        for _ in range(60):
            await workshop.drain_later(timedelta(seconds=30))
        during = len(cactus.asked) - first
        attempts = [(await workshop.view(number)).facts.attempts for number in range(1, 25)]

        cactus.refuse_all, cactus.most = None, 0
        for _ in range(4):
            await workshop.drain_later(timedelta(seconds=10))

        assert first <= 16
        assert during <= 60  # a probe every 30 seconds
        assert max(attempts) <= 2
        assert await workshop.ledger.count_by_step() == {Step.AWAITING_STUDENT: 24}
        assert cactus.most <= 8
        assert len(cactus.asked) - first - during == 24  # nobody asked twice after the recovery


async def test_q11_while_many_fail_a_new_mission_is_the_next_that_is_tried(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = WatchedCactus(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        cactus.refuse_all = lambda: Transient("500", is_general=True)
        await workshop.initialised(*range(1, 61))
        await workshop.drain_later(timedelta(seconds=31))
        asked = len(cactus.asked)
        cactus.spared = id_of(100)

        await workshop.discover(numbered(100))
        await workshop.drain_later(timedelta(seconds=30))

        assert cactus.asked[asked] == id_of(100)
        assert await workshop.step(100) is Step.AWAITING_STUDENT
