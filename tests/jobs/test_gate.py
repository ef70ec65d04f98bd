"""The common patience towards a remote: what closes it, who may probe, and how it opens again."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from aiolimiter import AsyncLimiter
from structlog.typing import EventDict

from syncd.errors import CredentialsRefused, OutcomeUnknown, RateLimited, Transient
from syncd.jobs.gate import FAILURES_THAT_CLOSE, LONGEST_REST, Gate
from syncd.ports.ledger import Ledger
from tests.jobs.workshop import A_SECOND, Workshop
from tests.support.clock import FixedClock

DOWN = Transient("down", is_general=True)
AN_HOUR = timedelta(hours=1)


def a_gate(workshop: Workshop, *, longest: timedelta = AN_HOUR, width: int = 8) -> Gate:
    """Return one more process' gate."""
    return Gate("cactus", ledger=workshop.ledger, clock=workshop.clock, longest_delay=longest, width=width)


async def fail(gate: Gate, times: int = FAILURES_THAT_CLOSE, error: Transient | OutcomeUnknown = DOWN) -> None:
    """Let so many requests fail."""
    for _ in range(times):
        await gate.note_failure(error)


async def probe(gate: Gate, clock: FixedClock, *, hangs_for: timedelta = timedelta(0)) -> bool:
    """Make a request that fails; return whether the gate let it pass."""
    async with gate.pass_through() as may_pass:
        if may_pass:
            clock.advance(hangs_for)
            await gate.note_failure(DOWN)
    return may_pass


async def first_round(gate: Gate, wanted: int = 12) -> int:
    """Return how many of these requests begin while none has ended."""
    begun, end = 0, asyncio.Event()

    async def request() -> None:
        nonlocal begun
        async with gate.pass_through():
            begun += 1
            await end.wait()

    requests = [asyncio.create_task(request()) for _ in range(wanted)]
    for _ in range(20):
        await asyncio.sleep(0.002)
    count = begun
    end.set()
    await asyncio.gather(*requests)
    return count


# ------------------------------------------------------------------------------------------------------------- closing


async def test_r13_ten_failures_in_a_row_close_it_and_nine_do_not(workshop: Workshop) -> None:
    gate = a_gate(workshop)

    await fail(gate, 9)
    nine = gate.closed_until()
    await fail(gate, 1)

    assert nine is None
    assert gate.closed_until() == workshop.clock.now() + timedelta(seconds=30)
    assert (await workshop.gate_state()).failures == 10


async def test_a_success_between_failures_starts_the_count_again(workshop: Workshop) -> None:
    gate = a_gate(workshop)

    await fail(gate, 9)
    await gate.note_success()
    await fail(gate, 9)

    assert gate.closed_until() is None


async def test_one_contract_s_own_failure_is_not_the_remote_s(workshop: Workshop) -> None:
    gate = a_gate(workshop)

    await fail(gate, 50, Transient("not there yet"))

    assert gate.closed_until() is None
    assert gate.general_failures == 0


@pytest.mark.parametrize(
    ("wish", "rest"),
    [
        (timedelta(seconds=90), timedelta(seconds=90)),
        (timedelta(seconds=-5), A_SECOND),
        (timedelta(0), A_SECOND),
        (timedelta(days=3650), LONGEST_REST),
    ],
)
async def test_r12_a_rate_limit_closes_it_at_once_for_as_long_as_was_asked_within_an_hour(
    workshop: Workshop, wish: timedelta, rest: timedelta
) -> None:
    gate = a_gate(workshop)

    await gate.note_failure(Transient("slow down", is_general=True, retry_after=wish))

    assert gate.closed_until() == workshop.clock.now() + rest


async def test_r12_a_limit_without_a_readable_time_closes_it_at_once_for_the_usual_rest(workshop: Workshop) -> None:
    gate = a_gate(workshop)

    await gate.note_failure(RateLimited("slow down"))

    assert gate.closed_until() == workshop.clock.now() + timedelta(seconds=30)


async def test_r11_refused_credentials_close_it_at_once_and_call_a_person(
    workshop: Workshop, lines: list[EventDict]
) -> None:
    gate = a_gate(workshop)

    await gate.note_failure(CredentialsRefused("no"))

    assert gate.closed_until() is not None
    assert (await workshop.gate_state()).is_credentials
    assert [line["event"] for line in lines] == ["credentials.refused"]


async def test_fifty_answers_of_one_moment_are_one_piece_of_news(workshop: Workshop, lines: list[EventDict]) -> None:
    gate = a_gate(workshop)

    await fail(gate, 50)
    await fail(gate, 50, Transient("slow down", is_general=True, retry_after=timedelta(seconds=20)))

    assert [line["event"] for line in lines] == ["gate.closed"]
    assert gate.closed_until() == workshop.clock.now() + timedelta(seconds=30)


async def test_a_longer_wish_of_a_late_answer_counts(workshop: Workshop) -> None:
    gate = a_gate(workshop)
    await fail(gate)

    await gate.note_failure(Transient("slow down", is_general=True, retry_after=timedelta(minutes=5)))

    assert gate.closed_until() == workshop.clock.now() + timedelta(minutes=5)


async def test_a_success_that_was_asked_for_before_it_closed_does_not_open_it(workshop: Workshop) -> None:
    gate = a_gate(workshop)
    await gate.note_failure(Transient("slow down", is_general=True, retry_after=timedelta(minutes=5)))

    await gate.note_success()

    assert gate.closed_until() == workshop.clock.now() + timedelta(minutes=5)
    assert (await workshop.gate_state()).closed_until == gate.closed_until()


# ------------------------------------------------------------------------------------------------------------- probing


@pytest.mark.parametrize(("longest", "rest_s"), [(AN_HOUR, 30), (timedelta(seconds=2), 2)])
async def test_r13_probes_come_at_most_every_thirty_seconds_or_the_longest_delay(
    workshop: Workshop, longest: timedelta, rest_s: int
) -> None:
    gate = a_gate(workshop, longest=longest)
    await fail(gate)
    probes = 0

    for _ in range(600):
        workshop.clock.advance(A_SECOND)
        probes += await probe(gate, workshop.clock)

    assert probes == 600 // rest_s


async def test_r13_a_probe_that_hung_has_taken_its_time_already(workshop: Workshop) -> None:
    gate = a_gate(workshop)
    await fail(gate)
    workshop.clock.advance(timedelta(seconds=31))

    await probe(gate, workshop.clock, hangs_for=timedelta(seconds=20))
    after_a_while = gate.closed_until()
    workshop.clock.advance(timedelta(seconds=11))
    await probe(gate, workshop.clock, hangs_for=timedelta(minutes=2))

    assert after_a_while == workshop.clock.now() - timedelta(minutes=2) - A_SECOND
    assert gate.closed_until() == workshop.clock.now() + A_SECOND


async def test_a_failed_probe_closes_it_again_whatever_closed_it_first(workshop: Workshop) -> None:
    gate = a_gate(workshop)
    await gate.note_failure(Transient("slow down", is_general=True, retry_after=timedelta(seconds=5)))
    workshop.clock.advance(timedelta(seconds=6))

    await probe(gate, workshop.clock)

    assert gate.closed_until() == workshop.clock.now() + timedelta(seconds=30)


async def test_r13_after_a_recovery_the_width_grows_with_each_success(
    workshop: Workshop, lines: list[EventDict]
) -> None:
    gate = a_gate(workshop, width=8)
    before = await first_round(gate)
    await fail(gate)
    workshop.clock.advance(timedelta(seconds=31))

    widths = [await first_round(gate)]
    for _ in range(4):
        await gate.note_success()
        widths.append(await first_round(gate))

    assert before == 8
    assert widths == [1, 2, 4, 8, 8]
    assert [line["event"] for line in lines] == ["gate.closed", "gate.opened"]
    assert (await workshop.gate_state()).closed_until is None


async def test_who_waits_at_a_gate_that_closes_is_told_so(workshop: Workshop) -> None:
    gate = a_gate(workshop, width=1)
    told: list[bool] = []

    async def request(*, fails: bool) -> None:
        async with gate.pass_through() as may_pass:
            told.append(may_pass)
            if fails and may_pass:
                await gate.note_failure(CredentialsRefused("no"))

    await asyncio.gather(request(fails=True), request(fails=False), request(fails=False))

    assert told == [True, False, False]


async def test_who_is_cancelled_while_keeping_the_pace_leaves_room_for_the_next(workshop: Workshop) -> None:
    slow = AsyncLimiter(1, 3600)
    gate = Gate("cactus", ledger=workshop.ledger, clock=workshop.clock, longest_delay=AN_HOUR, width=1, pace=slow)
    await slow.acquire()
    keeping_the_pace = asyncio.create_task(probe(gate, workshop.clock))
    await asyncio.sleep(0)

    keeping_the_pace.cancel()
    await asyncio.wait([keeping_the_pace])
    slow.max_rate = 2

    async with asyncio.timeout(5), gate.pass_through() as may_pass:
        assert may_pass


# ------------------------------------------------------------------------------------------------------------- sharing


async def test_another_replica_learns_that_it_is_closed_and_that_it_opened(workshop: Workshop) -> None:
    one, other = a_gate(workshop), a_gate(workshop)

    await one.note_failure(Transient("slow down", is_general=True, retry_after=timedelta(minutes=5)))
    await other.refresh()
    closed = other.closed_until()
    workshop.clock.advance(timedelta(minutes=6))
    await one.note_success()
    await other.refresh()

    assert closed is not None
    assert closed == (workshop.clock.now() - timedelta(minutes=1))
    assert other.state.closed_until is None
    assert await first_round(other) == 1


async def test_what_another_replica_does_not_know_yet_still_holds_here(workshop: Workshop) -> None:
    one, other = a_gate(workshop), a_gate(workshop)
    await other.note_success()

    await one.note_failure(CredentialsRefused("no"))
    until = one.closed_until()
    await one.refresh()

    assert one.closed_until() == until


async def test_a_process_that_begins_may_probe_at_once_but_waits_as_a_remote_wished(workshop: Workshop) -> None:
    await a_gate(workshop).note_failure(CredentialsRefused("no"))
    after_new_credentials = a_gate(workshop)
    await after_new_credentials.load()
    await after_new_credentials.refresh()
    is_open, probes = after_new_credentials.closed_until() is None, await first_round(after_new_credentials)

    await a_gate(workshop).note_failure(Transient("slow down", is_general=True, retry_after=timedelta(minutes=5)))
    after_a_limit = a_gate(workshop)
    await after_a_limit.load()

    assert is_open
    assert probes == 1
    assert after_a_limit.closed_until() == workshop.clock.now() + timedelta(minutes=5)


class AwayLedger:
    """A ledger that cannot be reached."""

    async def set_gate(self, _name: str, _state: object) -> None:
        """Fail."""
        raise Transient("the ledger is away", is_general=True)


async def test_a_ledger_in_trouble_costs_no_request_its_outcome(workshop: Workshop, lines: list[EventDict]) -> None:
    away = cast("Ledger", AwayLedger())
    gate = Gate("cactus", ledger=away, clock=workshop.clock, longest_delay=AN_HOUR, width=8)

    await gate.note_failure(CredentialsRefused("no"))

    assert gate.closed_until() is not None
    assert [line["event"] for line in lines] == ["credentials.refused", "pass.failed"]


async def test_after_a_rest_what_failed_before_waits_a_moment_longer(workshop: Workshop) -> None:
    gate = a_gate(workshop)

    await fail(gate)

    sound, sick = gate.rests_until(is_retry=False), gate.rests_until(is_retry=True)

    assert sound is not None
    assert sick == sound + timedelta(seconds=1)
