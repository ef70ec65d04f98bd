"""In which order letters leave, for whom they make way, and what stops them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from structlog.typing import EventDict

from syncd.errors import OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.jobs.send import MailPatience
from tests.jobs.posts import DoorPost, SlowPost
from tests.jobs.test_deliver import deliver_later, is_sent
from tests.jobs.workshop import A_SECOND, LETTER_LEASE, PATIENCE, Workshop, id_of, open_workshop, until

GREYLISTED = Transient("451 greylisted")
DOWN = Transient("cannot connect", is_general=True)
NO_SUCH_BOX = Refused("550 no such mailbox", code=RefusalCode.ADDRESS)
CUT = OutcomeUnknown("cut after the dot", is_general=False)
A_MINUTE, FIVE_MINUTES, TEN_MINUTES = (timedelta(minutes=minutes) for minutes in (1, 5, 10))
STUDENT_1 = f"student.{id_of(1)}@example.org"


# -------------------------------------------------------------------------------------------------------- making way


async def test_a_slow_letter_keeps_no_other_waiting(tmp_path: Path) -> None:
    post = SlowPost(STUDENT_1)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.initialised(*range(1, 6))
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        await until(lambda: len(post.sent) == 9)

        post.may_go_on.set()
        await delivering

        assert post.recipients()[-1] == STUDENT_1


async def test_m04_a_server_that_thinks_for_minutes_is_not_given_the_letter_a_second_time(tmp_path: Path) -> None:
    post = SlowPost(STUDENT_1)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.initialised(1, 2)
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        await until(lambda: len(post.sent) == 3)

        workshop.clock.advance(9 * A_MINUTE)
        await workshop.initialised(3)
        await until(lambda: len(post.sent) == 5)
        post.may_go_on.set()
        await delivering

        assert post.recipients().count(STUDENT_1) == 1
        assert await is_sent(workshop, "student")


async def test_m04_who_ends_with_a_letter_too_late_does_not_have_its_repeat_taken_for_unsent(tmp_path: Path) -> None:
    post = DoorPost(STUDENT_1)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.initialised(1)
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        await until(lambda: len(post.doors) == 1)
        await until(lambda: is_sent(workshop, "hr_contact"))  # or it would be in doubt as well
        workshop.clock.advance(LETTER_LEASE + A_SECOND)
        await workshop.initialised(2)
        await until(lambda: len(post.doors) == 2)

        post.doors[0].set()
        await until(lambda: post.recipients().count(STUDENT_1) == 1 and not workshop.ledger._may_have_taken)
        workshop.ledger._may_have_taken = True  # as after a taking whose COMMIT had no answer
        await workshop.initialised(3)
        await until(lambda: len(post.sent) == 6)
        post.doors[1].set()
        await delivering

        assert len(post.doors) == 2


@asynccontextmanager
async def busy(workshop: Workshop) -> AsyncIterator[asyncio.Task[int]]:
    """Deliver while contracts never stop being busy."""
    deliverer = workshop.works.deliverer
    deliverer._others_are_busy = lambda: True
    delivering = asyncio.create_task(deliverer.drain())
    try:
        yield delivering
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


async def seconds_slept_until_sent(workshop: Workshop, count: int) -> float:
    """Let time pass in small steps until so many letters have left; return how long they made way."""
    async with asyncio.timeout(20):
        while len(workshop.post.sent) < count:
            await asyncio.sleep(0.001)
            workshop.clock.advance(A_SECOND / 10)
    return sum(duration.total_seconds() for duration in workshop.clock.slept)


async def test_letters_yield_to_contracts_but_the_oldest_leaves_within_a_minute(workshop: Workshop) -> None:
    await workshop.initialised(1)

    async with busy(workshop):
        slept_s = await seconds_slept_until_sent(workshop, 2)

    assert 20 <= slept_s <= 60


async def test_letters_that_made_way_long_enough_all_leave_together(workshop: Workshop) -> None:
    await workshop.initialised(*range(1, 21))

    async with busy(workshop):
        slept_s = await seconds_slept_until_sent(workshop, 40)

    assert slept_s <= 60


async def test_letters_do_not_wait_for_contracts_that_are_at_rest(workshop: Workshop) -> None:
    await workshop.initialised(1)

    await workshop.works.deliverer.drain()

    assert workshop.clock.slept == []


# ----------------------------------------------------------------------------------------------------------- the brake


async def test_the_brake_stops_before_one_letter_too_many_and_an_approval_lets_it_pass(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    mail = MailPatience(delays=PATIENCE, most_per_hour=5)
    async with open_workshop(tmp_path, tmp_path, mail=mail) as workshop:
        await workshop.initialised(*range(1, 5))

        await workshop.works.deliverer.drain()
        sent, guard = len(workshop.post.sent), await workshop.ledger.guard("mails")
        await deliver_later(workshop, timedelta(hours=3))
        later = len(workshop.post.sent)
        await workshop.ledger.approve("mails", now=workshop.clock.now())
        await workshop.works.deliverer.drain()

        assert (sent, later, len(workshop.post.sent)) == (5, 5, 8)
        assert guard.tripped_at is not None
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["guard.tripped"]


async def test_letters_that_are_still_under_way_count_for_the_brake(tmp_path: Path) -> None:
    post, mail = SlowPost("*"), MailPatience(delays=PATIENCE, most_per_hour=3)
    async with open_workshop(tmp_path, tmp_path, mailer=post, mail=mail) as workshop:
        await workshop.initialised(1, 2, 3)
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        await until(lambda: post.begun == 3)
        await asyncio.sleep(0.05)

        post.may_go_on.set()
        await delivering

        assert len(post.sent) == post.begun == 3


async def test_the_brake_counts_a_sliding_hour_and_is_not_pulled_when_nothing_waits(tmp_path: Path) -> None:
    mail = MailPatience(delays=PATIENCE, most_per_hour=4)
    async with open_workshop(tmp_path, tmp_path, mail=mail) as workshop:
        for number in (1, 3):
            await workshop.initialised(number, number + 1)
            await workshop.works.deliverer.drain()
            workshop.clock.advance(timedelta(minutes=61))

        assert len(workshop.post.sent) == 8
        assert (await workshop.ledger.guard("mails")).tripped_at is None
