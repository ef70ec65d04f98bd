"""Delivering letters: what every answer of a mail server comes to, who makes way for whom, and when it stops."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from syncd.errors import CredentialsRefused, Misconfigured, OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.model import NotificationState, Step
from syncd.ports.ledger import LetterOutcome, QueuedLetter
from syncd.ports.reading import LetterRow
from syncd.store import SqlLedger
from tests.jobs.posts import SlowPost
from tests.jobs.workshop import A_SECOND, Post, Workshop, id_of, numbered, open_workshop, short_message, until

GREYLISTED = Transient("451 greylisted")
DOWN = Transient("cannot connect", is_general=True)
NO_SUCH_BOX = Refused("550 no such mailbox", code=RefusalCode.ADDRESS)
CUT = OutcomeUnknown("cut after the dot", is_general=False)
A_MINUTE, FIVE_MINUTES, TEN_MINUTES = (timedelta(minutes=minutes) for minutes in (1, 5, 10))
STUDENT_1 = f"student.{id_of(1)}@example.org"


async def letters(workshop: Workshop, number: int = 1) -> dict[str, LetterRow]:
    """Return a contract's letters by role."""
    return {str(letter.role): letter for letter in (await workshop.view(number)).letters}


async def is_sent(workshop: Workshop, role: str) -> bool:
    """Whether the first contract's letter to a role was sent."""
    return (await letters(workshop))[role].state is NotificationState.SENT


async def deliver_later(workshop: Workshop, after: timedelta) -> int:
    """Let time pass, then deliver."""
    workshop.clock.advance(after)
    return await workshop.works.deliverer.drain()


# ------------------------------------------------------------------------------------------------------------- answers


async def test_letters_are_sent_once_and_show_it(workshop: Workshop) -> None:
    await workshop.initialised(1, 2)

    handled = await workshop.works.deliverer.drain()
    again = await deliver_later(workshop, timedelta(days=1))

    assert (handled, again) == (4, 0)
    assert Counter(workshop.post.recipients()) == {
        f"{role}.{id_of(number)}@example.org": 1 for role in ("student", "hr_contact") for number in (1, 2)
    }
    sent = await letters(workshop)
    assert {letter.state for letter in sent.values()} == {NotificationState.SENT}
    assert [m["Message-ID"] for m in workshop.post.sent if m["To"] == STUDENT_1] == [sent["student"].message_id]


@pytest.mark.parametrize("trouble", [GREYLISTED, Transient("451 try again after the content")], ids=["m01", "m05"])
async def test_m01_m05_what_is_not_accepted_yet_is_tried_again_under_the_same_name(
    workshop: Workshop, trouble: Transient, lines: list[EventDict]
) -> None:
    await workshop.initialised(1)
    workshop.post.troubles = [trouble, trouble]

    await workshop.works.deliverer.drain()
    waiting = await letters(workshop)
    early = await deliver_later(workshop, timedelta(minutes=4))
    late = await deliver_later(workshop, timedelta(minutes=2))

    assert {(row.state, row.attempts) for row in waiting.values()} == {(NotificationState.QUEUED, 1)}
    assert (early, late) == (0, 2)
    assert {str(m["Message-ID"]) for m in workshop.post.sent} == {row.message_id for row in waiting.values()}
    assert [line["event"] for line in lines] == ["letter.deferred", "letter.deferred"]
    assert workshop.works.mail_gate.state.failures == 0


async def test_m01_waiting_grows_but_never_beyond_the_longest_delay(workshop: Workshop) -> None:
    await workshop.initialised(1)
    workshop.post.for_ever["*"] = GREYLISTED
    waits = []

    for _ in range(4):
        await workshop.works.deliverer.drain()
        row = (await letters(workshop))["student"]
        assert row.retry_at is not None
        waits.append(row.retry_at - workshop.clock.now())
        workshop.clock.advance(waits[-1])

    assert waits == [FIVE_MINUTES, TEN_MINUTES, TEN_MINUTES, TEN_MINUTES]


async def test_m02_m03_one_recipient_refused_for_ever_is_shown_and_the_others_get_theirs(workshop: Workshop) -> None:
    await workshop.initialised(1, 2)
    workshop.post.for_ever[STUDENT_1] = NO_SUCH_BOX

    await workshop.works.deliverer.drain()
    await deliver_later(workshop, timedelta(days=2))

    refused = (await letters(workshop))["student"]
    assert (refused.state, refused.last_error, refused.retry_at) == (
        NotificationState.FAILED,
        NO_SUCH_BOX.message,
        None,
    )
    assert len(workshop.post.sent) == 3
    assert [row.mission_id for row in await workshop.ledger.needs_person()] == [id_of(1)]
    assert await workshop.step(1) is Step.AWAITING_STUDENT


async def test_m04_a_lost_answer_is_sent_once_more_under_the_same_name_and_then_a_person_looks(
    workshop: Workshop,
) -> None:
    await workshop.initialised(1)
    workshop.post.for_ever[STUDENT_1] = CUT

    await workshop.works.deliverer.drain()
    first = (await letters(workshop))["student"]
    early = await deliver_later(workshop, timedelta(minutes=9))
    late = await deliver_later(workshop, timedelta(minutes=2))  # 30 minutes, bounded by the longest delay of ten
    never = await deliver_later(workshop, timedelta(days=30))

    last = (await letters(workshop))["student"]
    assert (first.state, last.state) == (NotificationState.UNKNOWN, NotificationState.UNKNOWN)
    assert (early, late, never) == (0, 1, 0)
    assert (last.message_id, last.attempts, last.retry_at) == (first.message_id, 2, None)
    assert [row.mission_id for row in await workshop.ledger.needs_person()] == [id_of(1)]


async def test_m04_a_resend_that_is_accepted_ends_the_doubt(workshop: Workshop) -> None:
    await workshop.initialised(1)
    workshop.post.troubles = [CUT]

    await workshop.works.deliverer.drain()
    await deliver_later(workshop, timedelta(minutes=11))

    assert {row.state for row in (await letters(workshop)).values()} == {NotificationState.SENT}
    assert await workshop.ledger.needs_person() == ()


async def test_where_repeating_is_harmless_an_unknown_outcome_is_repeated_until_it_is_known(tmp_path: Path) -> None:
    post = Post(is_idempotent=True)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.initialised(1)
        post.troubles = [CUT] * 7

        for _ in range(6):
            await deliver_later(workshop, TEN_MINUTES)

        assert {row.state for row in (await letters(workshop)).values()} == {NotificationState.SENT}
        assert len(post.sent) == 2


async def test_m07_a_wrong_login_pauses_all_mail_and_costs_no_letter_an_attempt(workshop: Workshop) -> None:
    await workshop.initialised(*range(1, 11))
    workshop.post.for_ever["*"] = CredentialsRefused("535")

    await workshop.works.deliverer.drain()
    tried, waiting = workshop.post.tried, await letters(workshop)
    workshop.post.for_ever.clear()
    for _ in range(3):
        await deliver_later(workshop, timedelta(seconds=31))

    assert tried <= 4  # what was under way at once
    assert {row.attempts for row in waiting.values()} == {0}
    assert len(workshop.post.sent) == 20


async def test_m12_after_three_days_without_a_server_everything_leaves_the_oldest_first(workshop: Workshop) -> None:
    workshop.post.for_ever["*"] = DOWN
    for number in range(1, 16):
        await workshop.initialised(number)
        workshop.clock.advance(A_SECOND)
    for _ in range(36):
        await deliver_later(workshop, timedelta(hours=2))
    assert workshop.post.sent == []
    rows = await workshop.ledger.letters(limit=100)
    untried = {f"{row.role}.{row.mission_id}@example.org" for row in rows if row.attempts == 0}

    workshop.post.for_ever.clear()
    for _ in range(8):
        await deliver_later(workshop, TEN_MINUTES)

    order = workshop.post.recipients()
    assert sorted(order) == sorted(f"{row.role}.{row.mission_id}@example.org" for row in rows)
    assert len(rows) > len(untried) > 20
    for side in (untried, set(order) - untried):  # they leave in turns
        missions = [recipient.partition(".")[2] for recipient in order if recipient in side]
        assert missions == sorted(missions)


async def test_m12_a_letter_that_nobody_takes_for_five_days_is_given_up_and_shown(workshop: Workshop) -> None:
    workshop.post.for_ever["*"] = DOWN
    await workshop.initialised(1)

    for _ in range(30):
        await deliver_later(workshop, timedelta(hours=5))

    failed = (await letters(workshop))["student"]
    assert failed.state is NotificationState.FAILED
    assert failed.last_error == "given up: cannot connect"
    assert [row.mission_id for row in await workshop.ledger.needs_person()] == [id_of(1)]


# -------------------------------------------------------------------------------------------------- mistakes of our own


async def test_a_letter_that_cannot_be_written_now_waits_and_is_not_the_mail_server_s_failure(tmp_path: Path) -> None:
    troubles: dict[str, Exception] = {
        "student": ZeroDivisionError("Zoé Durand"), "hr_contact": Misconfigured("no address", key="mail.addresses.x"),
    }  # fmt: skip

    async def compose(letter: QueuedLetter) -> EmailMessage:
        if letter.mission_id == id_of(1) and str(letter.role) in troubles:
            raise troubles[letter.role]
        return await short_message(letter)

    async with open_workshop(tmp_path, tmp_path, compose=compose) as workshop:
        await workshop.initialised(1, 2)
        await workshop.works.deliverer.drain()
        waiting = await letters(workshop)

        sent, gate = len(workshop.post.sent), workshop.works.mail_gate.state
        troubles.clear()
        await deliver_later(workshop, TEN_MINUTES)

        assert {role: row.last_error for role, row in waiting.items()} == {
            "student": "unexpected ZeroDivisionError", "hr_contact": "no address",
        }  # fmt: skip
        assert (sent, gate.failures) == (2, 0)
        assert len(workshop.post.sent) == 4


async def test_a_ledger_in_trouble_while_a_letter_is_written_is_not_the_mail_server_s_failure(tmp_path: Path) -> None:
    async def compose(_letter: QueuedLetter) -> EmailMessage:
        raise Transient("the ledger is away", is_general=True)

    async with open_workshop(tmp_path, tmp_path, compose=compose) as workshop:
        await workshop.initialised(*range(1, 8))

        await workshop.works.deliverer.drain()

        assert workshop.works.mail_gate.closed_until() is None
        assert workshop.post.tried == 0


async def test_a_mistake_of_ours_while_sending_may_have_sent_the_letter(workshop: Workshop) -> None:
    await workshop.initialised(1)
    workshop.post.troubles = [ZeroDivisionError("a secret in a text")]

    await workshop.works.deliverer.drain()

    states = {row.state: row.last_error for row in (await letters(workshop)).values()}
    assert states == {NotificationState.UNKNOWN: "unexpected ZeroDivisionError", NotificationState.SENT: None}


class FlakyLedger:
    """Passes everything on, but fails some recordings of letters before they reach the ledger."""

    def __init__(self, ledger: SqlLedger, failures: int) -> None:
        self._ledger = ledger
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record_letters(self, outcomes: Sequence[LetterOutcome], **others: Any) -> tuple[bool, ...]:
        """Fail, or record."""
        self._failures -= 1
        if self._failures >= 0:
            raise Transient("away", is_general=True)
        return await self._ledger.record_letters(outcomes, **others)


async def test_a_ledger_that_is_away_for_a_moment_does_not_have_a_letter_sent_twice(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, wrap=lambda ledger: FlakyLedger(ledger, 5)) as workshop:
        await workshop.initialised(1)
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        while not delivering.done():
            await asyncio.sleep(0.001)
            workshop.clock.advance(A_SECOND / 10)

        assert workshop.post.tried == 2
        assert {row.state for row in (await letters(workshop)).values()} == {NotificationState.SENT}


# ------------------------------------------------------------------------------------------------------------ stopping


async def test_a_stop_takes_no_more_letters_and_finishes_the_one_under_way(tmp_path: Path) -> None:
    post = SlowPost(STUDENT_1)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.discover(numbered(1))
        await workshop.works.advancer.drain()
        running = asyncio.create_task(workshop.works.deliverer.run())
        await until(lambda: len(post.sent) == 1)

        workshop.works.deliverer.stop()
        await workshop.initialised(2)
        await asyncio.sleep(0.01)
        assert not running.done()
        post.may_go_on.set()
        await running

        assert len(post.sent) == 2
        assert {row.state for row in (await letters(workshop)).values()} == {NotificationState.SENT}


async def test_a_letter_that_a_stop_cannot_wait_for_is_sent_once_more(tmp_path: Path) -> None:
    post = SlowPost(STUDENT_1)
    async with open_workshop(tmp_path, tmp_path, mailer=post) as workshop:
        await workshop.initialised(1)
        running = asyncio.create_task(workshop.works.deliverer.run())
        await until(lambda: is_sent(workshop, "hr_contact"))

        running.cancel()
        await workshop.works.deliverer.abandon()
        await workshop.ledger.sign_off()
        doubtful = (await letters(workshop))["student"]
        post.may_go_on.set()
        await workshop.works.deliverer.drain()

        assert doubtful.state is NotificationState.UNKNOWN
        assert post.recipients().count(STUDENT_1) == 1
        assert post.sent[-1]["Message-ID"] == doubtful.message_id
