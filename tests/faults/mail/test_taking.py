"""Who holds a letter, for how long, and what becomes of it when its holder ends: never three times, never forgotten."""

import asyncio
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from syncd.jobs.send import MailPatience
from syncd.model import NotificationState
from syncd.ports.ledger import LetterOutcome
from tests.faults.mail.ledgers import Line, lines_of, queue_letter, queue_letters
from tests.faults.mail.test_backlog import put_off
from tests.jobs.posts import SlowPost
from tests.jobs.workshop import LETTER_LEASE, PATIENCE, Post, id_of, open_workshop, until
from tests.store.bench import NOW, Bench
from tests.store.breakage import commit_cutter
from tests.support.clock import FixedClock

MISSION = range(1, 2)
A_MINUTE = timedelta(minutes=1)
SENT, UNKNOWN = NotificationState.SENT, NotificationState.UNKNOWN


async def die_with_it_in_hand(folder: Path, post: Post, name: str, clock: FixedClock) -> None:
    """Take what is due and end, as a killed process does, without a word."""
    async with open_workshop(folder, folder, replica=name, mailer=post, clock=clock) as workshop:
        await workshop.ledger.rescue(now=clock.now())
        for letter in await workshop.ledger.take_letters(limit=1, now=clock.now()):
            await post.send(_message(str(letter.mission_id)))


def _message(mission_id: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = f"student.{mission_id}@example.org"
    return message


@pytest.mark.parametrize(("is_idempotent", "state", "sent"), [(False, UNKNOWN, 2), (True, SENT, 3)])
async def test_m04_a_letter_whose_sender_died_twice_is_a_persons_business_unless_repeating_is_harmless(
    tmp_path: Path, is_idempotent: bool, state: NotificationState, sent: int
) -> None:
    clock, post = FixedClock(), Post(is_idempotent=is_idempotent)
    async with open_workshop(tmp_path, tmp_path, clock=clock) as workshop:
        await queue_letter(workshop.ledger, 1, now=clock.now())
    for name in ("r2", "r3"):
        await die_with_it_in_hand(tmp_path, post, name, clock)

    async with open_workshop(tmp_path, tmp_path, replica="r4", mailer=post, clock=clock) as heir:
        await heir.ledger.rescue(now=clock.now())
        for _ in range(3):
            await heir.works.deliverer.drain()
            clock.advance(timedelta(hours=1))
        (line,) = await lines_of(heir.ledger, MISSION)
        shown = [row.mission_id for row in await heir.ledger.needs_person()]

    assert (line.state, line.waits, len(post.sent)) == (state, False, sent)
    assert shown == ([] if is_idempotent else [id_of(1)])


async def test_m04_a_letter_left_by_a_dead_sender_is_sent_once_more(tmp_path: Path) -> None:
    clock, post = FixedClock(), Post()
    async with open_workshop(tmp_path, tmp_path, clock=clock) as workshop:
        await queue_letter(workshop.ledger, 1, now=clock.now())
    await die_with_it_in_hand(tmp_path, post, "r2", clock)

    async with open_workshop(tmp_path, tmp_path, replica="r3", mailer=post, clock=clock) as heir:
        await heir.ledger.rescue(now=clock.now())
        (doubtful,) = await lines_of(heir.ledger, MISSION)
        await heir.works.deliverer.drain()
        (line,) = await lines_of(heir.ledger, MISSION)

    assert (doubtful.state, line.state, len(post.sent)) == (UNKNOWN, SENT, 2)


async def test_l03_a_letter_whose_lease_ended_while_it_waited_for_its_turn_is_left_to_its_next_taker(
    tmp_path: Path,
) -> None:
    slow, clock, other = SlowPost(f"student.{id_of(1)}@example.org"), FixedClock(), Post()
    async with open_workshop(tmp_path, tmp_path, mailer=slow, clock=clock) as workshop:
        workshop.works.mail_gate._line.width = 1  # as after an outage: one at a time
        await queue_letters(workshop.ledger, MISSION, now=clock.now())
        delivering = asyncio.create_task(workshop.works.deliverer.drain())
        await until(lambda: slow.begun == 1)

        clock.advance(LETTER_LEASE + A_MINUTE)
        async with open_workshop(tmp_path, tmp_path, replica="r2", mailer=other, clock=clock) as heir:
            await heir.works.deliverer.drain()
        slow.may_go_on.set()
        await delivering
        lines = await lines_of(workshop.ledger, MISSION)

    assert slow.begun == 1  # the other one had waited too long
    assert len(other.sent) == 2
    assert {line.state for line in lines} == {SENT}
    assert MailPatience(delays=PATIENCE).sets_out_within + timedelta(minutes=12) < LETTER_LEASE


async def test_b04_letters_taken_by_a_commit_without_a_reply_are_delivered_at_once(postgres_url: str) -> None:
    bench = Bench(url=postgres_url, wal=None)
    ledger = await bench.prepared()
    await queue_letters(ledger, range(1, 6), now=NOW)
    async with commit_cutter(bench) as (cut_off, cut_next_commit):
        await cut_off.heartbeat(now=NOW)
        cut_next_commit()
        taken = await cut_off.take_letters(limit=4, now=NOW)

        sent = [LetterOutcome(letter_id=one.letter_id, token=one.token, state=SENT) for one in taken]
        recorded = await cut_off.record_letters(sent, now=NOW)
        states = [line.state for line in await lines_of(ledger, range(1, 6))]
    await ledger.aclose()

    assert recorded == (True,) * 4
    assert states.count(NotificationState.SENDING) == 0
    assert states.count(SENT) == 4


async def test_q11_a_room_of_one_is_for_new_and_deferred_letters_in_turns(bench: Bench) -> None:
    ledger = await bench.prepared()
    await queue_letters(ledger, range(1, 11), now=NOW)
    await put_off(ledger, "half of each")

    attempts = [(await ledger.take_letters(limit=1, now=NOW))[0].attempts for _ in range(20)]

    assert attempts == [0, 1] * 10


async def test_l02_a_letter_that_is_no_longer_ours_keeps_no_other_from_being_written_down(bench: Bench) -> None:
    ledger = await bench.prepared()
    await queue_letters(ledger, MISSION, now=NOW)
    lost, ours = await ledger.take_letters(limit=2, now=NOW)
    stale = LetterOutcome(letter_id=lost.letter_id, token=lost.token - 1, state=SENT)
    sent = LetterOutcome(letter_id=ours.letter_id, token=ours.token, state=SENT)

    recorded = await ledger.record_letters([stale, sent], now=NOW)

    assert recorded == (False, True)
    assert {line.state for line in await lines_of(ledger, MISSION)} == {NotificationState.SENDING, SENT}


async def test_m12_what_is_given_up_is_failed_but_what_perhaps_left_stays_unknown(bench: Bench) -> None:
    ledger = await bench.prepared()
    await queue_letters(ledger, range(1, 4), now=NOW)
    (first, second) = await ledger.take_letters(limit=2, now=NOW)
    doubt = LetterOutcome(letter_id=first.letter_id, token=first.token, state=UNKNOWN, retry_at=NOW + A_MINUTE)
    await ledger.record_letters([doubt], now=NOW)

    early = await ledger.give_up_letters(queued_before=NOW, error="away", now=NOW)
    count = await ledger.give_up_letters(queued_before=NOW + 2 * A_MINUTE, error="away", now=NOW)

    lines: dict[str, Line] = {line.message_id: line for line in await lines_of(ledger, range(1, 4))}
    assert (early, count) == (0, 5)
    assert lines[first.message_id].state is UNKNOWN
    assert lines[second.message_id].state is NotificationState.SENDING
    assert sum(line.state is NotificationState.FAILED for line in lines.values()) == 4
    assert not any(line.waits for line in lines.values())
    assert len(await ledger.needs_person()) == 3
