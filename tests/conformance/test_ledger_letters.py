"""The outbox: who is taken when, what becomes of a letter, and what is never sent twice without need."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from syncd.errors import Refused, Transient
from syncd.model import Event, Facts, MissionId, NotificationState, Role, Step
from syncd.ports.ledger import Amendment, LetterOutcome, QueuedLetter, Settled
from syncd.store import SqlLedger
from syncd.store.sqlite import WRITES
from tests.store.bench import NOW, Bench, a_mission, claim, missions, settled, with_letter

A = MissionId("A")
LATER = NOW + timedelta(minutes=5)
SENT, FAILED, UNKNOWN, QUEUED = (
    NotificationState.SENT, NotificationState.FAILED, NotificationState.UNKNOWN, NotificationState.QUEUED,
)  # fmt: skip


async def write(
    ledger: SqlLedger, event: Event = Event.CONTRACT_INITIALISED, *, to: MissionId = A, cause: str = ""
) -> None:
    """Queue a letter."""
    await ledger.amend([to], lambda facts: Amendment(facts=with_letter(facts, event, cause=cause)), now=NOW)


async def take(ledger: SqlLedger, *, now: datetime = NOW, limit: int = 50) -> tuple[QueuedLetter, ...]:
    return await ledger.take_letters(limit=limit, now=now)


async def became(
    ledger: SqlLedger,
    letter: QueuedLetter,
    state: NotificationState,
    *,
    retry_at: datetime | None = None,
    error: str | None = None,
) -> bool:
    result = LetterOutcome(letter_id=letter.letter_id, token=letter.token, state=state, retry_at=retry_at, error=error)
    (is_ours,) = await ledger.record_letters([result], now=NOW)
    return is_ours


async def test_a_taken_letter_says_sending_and_has_its_contracts_facts(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)

    (letter,) = await take(ledger)

    (row,) = await ledger.letters(mission_id=A)
    assert (row.state, letter.is_repeat, letter.attempts) == (NotificationState.SENDING, False, 0)
    assert letter.facts is not None
    assert letter.facts.mission == a_mission("A")
    assert letter.message_id.endswith("@example.org>")


async def test_two_takers_never_take_the_same_letter(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(30))
    for mission in missions(30):
        await write(ledger, to=mission.mission_id)
    other = bench.open("r2")

    taken = await asyncio.gather(*(take(one, limit=4) for one in (ledger, other) * 5))

    ids = [letter.letter_id for some in taken for letter in some]
    assert len(ids) == len(set(ids)) == 30


async def test_a_sent_letter_is_counted_and_told(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    (letter,) = await take(ledger)

    assert await became(ledger, letter, SENT) is True
    assert await became(ledger, letter, FAILED) is False

    view = await ledger.view(A)
    assert view is not None
    assert (view.letters[0].state, view.letters[0].sent_at, view.letters[0].attempts) == (SENT, NOW, 1)
    assert view.timeline[-1].event == "letter.sent"
    assert "@" not in str({k: v for k, v in view.timeline[-1].detail.items() if k != "message_id"})
    assert await ledger.mails_since(NOW - timedelta(hours=1)) == 1
    assert await take(ledger, now=LATER) == ()


@pytest.mark.parametrize(
    ("event", "state", "is_woken"),
    [
        (Event.REGISTRATION_REQUESTED, SENT, True),
        (Event.CONTRACT_INITIALISED, SENT, False),
        (Event.CONTRACT_INITIALISED, FAILED, True),
    ],
)
async def test_a_letter_wakes_the_contract_that_it_can_move_on(
    bench: Bench, event: Event, state: NotificationState, is_woken: bool
) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger, event)
    await claim(ledger, settle=_rest)
    (letter,) = await take(ledger)

    await became(ledger, letter, state, error="refused")

    assert (await ledger.next_due_at() is not None) is is_woken


async def test_a_letter_that_was_sent_while_its_contract_was_looked_at_wakes_it_all_the_same(bench: Bench) -> None:
    ledger, looking = await bench.prepared(a_mission("A")), bench.open("r2")
    await write(ledger, Event.REGISTRATION_REQUESTED)
    (letter,) = await take(ledger)

    async with looking._database.engine.connect() as connection:
        await connection.execution_options(**{WRITES: True})
        await connection.execute(text("UPDATE contracts SET lane = 3"))  # taken up, for it is due
        recording = asyncio.create_task(became(ledger, letter, SENT))
        await asyncio.wait({recording}, timeout=0.1)
        await connection.execute(text("UPDATE contracts SET lane = 1, due_at = NULL"))  # it rests: it saw no letter
        await connection.commit()

    assert await recording
    assert await ledger.next_due_at() is not None


async def test_a_deferred_letter_waits_for_its_hour(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    (letter,) = await take(ledger)

    await became(ledger, letter, QUEUED, retry_at=LATER, error="greylisted")

    assert await ledger.next_letter_at() == LATER
    assert await take(ledger) == ()
    (again,) = await take(ledger, now=LATER)
    assert (again.message_id, again.attempts, again.is_repeat) == (letter.message_id, 1, False)


async def test_q11_new_letters_and_deferred_ones_leave_in_turns(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(6))
    for mission in missions(4):
        await write(ledger, to=mission.mission_id)
    for letter in await take(ledger):
        await became(ledger, letter, QUEUED, retry_at=NOW, error="later")
    for mission in missions(6)[4:]:
        await write(ledger, to=mission.mission_id)

    taken = await take(ledger, limit=4, now=LATER)

    assert [letter.attempts for letter in taken] == [0, 1, 0, 1]


async def test_q11_a_letter_that_was_taken_and_not_tried_is_as_new_as_before(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(5))
    for mission in missions(5):
        await write(ledger, to=mission.mission_id)
    first, *others = await take(ledger)
    for letter in others:
        await became(ledger, letter, QUEUED, retry_at=NOW - timedelta(hours=1), error="451 not now")
    await became(ledger, first, QUEUED, retry_at=NOW)

    assert first.letter_id in {letter.letter_id for letter in await take(ledger, limit=2)}


async def test_b06_letters_of_a_taking_whose_answer_was_lost_wait_again_at_once_and_without_doubt(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    for mission in missions(3):
        await write(ledger, to=mission.mission_id)
    (ours,) = await take(ledger, limit=1)
    await take(ledger, limit=1)
    ledger._may_have_taken = True  # as after a COMMIT that the database cannot tell the fate of

    again = await ledger.take_letters(limit=9, now=NOW, in_hand={ours.claim})

    assert len(again) == 2
    assert ours.letter_id not in {letter.letter_id for letter in again}
    assert not any(letter.is_repeat for letter in again)
    assert await became(ledger, ours, SENT)


async def test_b06_a_letter_is_in_hand_by_its_claim_and_an_older_claim_says_nothing_of_a_newer(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    (first,) = await take(ledger)
    await ledger.sign_off()
    (second,) = await take(ledger, now=LATER)

    ledger._may_have_taken = True
    assert await ledger.take_letters(limit=9, now=LATER, in_hand={second.claim}) == ()
    ledger._may_have_taken = True
    (third,) = await ledger.take_letters(limit=9, now=LATER, in_hand={first.claim})

    assert (third.letter_id, third.token) == (first.letter_id, second.token + 1)


async def test_b06_a_taking_that_fails_is_remembered_until_one_succeeds(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    await take(ledger)
    assert await ledger.take_letters(limit=9, now=NOW, in_hand=()) == ()  # nothing was in doubt: it is somebody's

    async def fail(_work: object) -> None:
        raise Transient("the ledger's database does not answer", is_general=True)

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(ledger._database, "write", fail)
        with pytest.raises(Transient):
            await take(ledger)

    assert len(await ledger.take_letters(limit=9, now=NOW, in_hand=())) == 1
    assert await ledger.take_letters(limit=9, now=NOW, in_hand=()) == ()


async def test_a_letter_that_was_perhaps_sent_twice_and_not_again_counts_as_two_doubts(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    for _ in range(2):
        (letter,) = await take(ledger)
        await became(ledger, letter, UNKNOWN, retry_at=NOW)
    (spent,) = await take(ledger)
    before = await ledger.mails_since(NOW - timedelta(hours=1))
    await became(ledger, spent, UNKNOWN)

    assert spent.is_spent
    assert await ledger.mails_since(NOW - timedelta(hours=1)) == before == 2


async def test_a_letter_whose_sender_died_has_an_unknown_outcome(bench: Bench) -> None:
    dead = await bench.prepared(a_mission("A"), lease=timedelta(milliseconds=1))
    await write(dead)
    await take(dead)
    await asyncio.sleep(0.01)

    (letter,) = await take(bench.open("r2"), now=LATER)

    assert letter.is_repeat is True


async def test_l02_what_became_of_a_letter_that_was_taken_again_is_not_for_its_former_taker_to_say(
    bench: Bench,
) -> None:
    ledger = await bench.prepared(a_mission("A"), lease=timedelta(milliseconds=1))
    await write(ledger)
    (former,) = await take(ledger)
    await asyncio.sleep(0.01)
    (present,) = await take(ledger, now=LATER)

    assert await became(ledger, former, SENT) is False
    (row,) = await ledger.letters()
    assert row.state is NotificationState.SENDING
    assert await became(ledger, present, SENT) is True


async def test_rescue_leaves_no_letter_in_sending(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), lease=timedelta(milliseconds=1))
    await write(ledger)
    await take(ledger)
    await asyncio.sleep(0.01)

    await bench.open("r2").rescue(now=LATER)

    (row,) = await ledger.letters()
    assert row.state is UNKNOWN
    assert (await ledger.backlog(now=LATER)).letters_unknown == 1


async def test_an_unknown_outcome_is_tried_once_more_and_then_left_to_a_person(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    await became(ledger, (await take(ledger))[0], UNKNOWN, retry_at=LATER)

    (again,) = await take(ledger, now=LATER)
    await became(ledger, again, UNKNOWN)

    assert again.is_repeat is True
    assert await take(ledger, now=LATER) == ()
    assert [row.mission_id for row in await ledger.needs_person()] == [A]


async def test_a_hold_blocks_waiting_letters_but_not_what_the_supervisor_must_learn(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    await write(ledger, Event.CONTRACT_REFUSED)
    await _hold(ledger, "stop")

    held = await take(ledger)
    await _hold(ledger, None)
    released = await take(ledger)

    assert [letter.event for letter in held] == [Event.CONTRACT_REFUSED]
    assert [letter.event for letter in released] == [Event.CONTRACT_INITIALISED]


async def test_a_letter_queued_by_a_held_contract_is_blocked_from_the_start(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await _hold(ledger, "stop")
    await write(ledger)

    (row,) = await ledger.letters()

    assert row.is_blocked is True
    assert await take(ledger) == ()
    assert await ledger.next_letter_at() is None


async def test_a_letter_deferred_while_its_contract_was_held_stays_blocked(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    (letter,) = await take(ledger)
    await _hold(ledger, "stop")

    await became(ledger, letter, QUEUED, retry_at=NOW, error="later")

    assert await take(ledger) == ()
    await _hold(ledger, None)
    assert len(await take(ledger)) == 1


async def test_failed_letters_are_queued_again_and_sent_ones_never(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    for cause in ("failed", "sent", "gave up"):
        await write(ledger, cause=cause)
    states = {"failed": FAILED, "sent": SENT, "gave up": UNKNOWN}
    before = {letter.cause: letter.message_id for letter in await take(ledger)}
    await _hold(ledger, None)
    for row in await ledger.letters():
        await _finish(ledger, row.letter_id, states[row.cause])

    count = await ledger.requeue_failed([A], now=LATER)

    again = {letter.cause: letter for letter in await take(ledger, now=LATER)}
    assert (count, sorted(again)) == (2, ["failed", "gave up"])
    assert {cause: letter.message_id for cause, letter in again.items()} == {c: before[c] for c in again}
    assert [letter.attempts for letter in again.values()] == [0, 0]


async def test_a_letter_sent_anew_has_a_message_id_of_its_own(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await write(ledger)
    (letter,) = await take(ledger)
    await became(ledger, letter, FAILED, error="no such address")

    numbers = [await ledger.resend(letter.letter_id, now=NOW) for _ in range(2)]

    ids = {row.message_id for row in await ledger.letters(mission_id=A)}
    assert len(ids) == 3
    for anew in await take(ledger):
        await became(ledger, anew, SENT)
    view = await ledger.view(A)
    assert view is not None
    assert [n.state for n in view.facts.notifications] == [SENT]
    assert len(set(numbers)) == 2


async def test_sending_an_unknown_letter_anew_is_refused(bench: Bench) -> None:
    ledger = await bench.prepared()

    with pytest.raises(Refused):
        await ledger.resend(7, now=NOW)


async def test_a_days_digest_is_queued_once(bench: Bench) -> None:
    ledger = await bench.prepared()
    other = bench.open("r2")

    queued = await asyncio.gather(*(one.queue_digest("2025-09-02", now=NOW) for one in (ledger, other) * 3))

    (digest,) = await take(ledger)
    assert sorted(queued) == [False] * 5 + [True]
    assert (digest.mission_id, digest.facts, digest.role) == (None, None, Role.SUPERVISOR)
    assert await became(ledger, digest, SENT) is True
    assert await ledger.queue_digest("2025-09-03", now=NOW) is True


async def _hold(ledger: SqlLedger, reason: str | None) -> None:
    await ledger.amend([A], lambda facts: Amendment(facts=replace(facts, manual_hold=reason)), now=NOW)
    await claim(ledger, settle=_rest, only=[A])


async def _finish(ledger: SqlLedger, letter_id: int, state: NotificationState) -> None:
    ended = LetterOutcome(letter_id=letter_id, token=1, state=state)
    assert await ledger.record_letters([ended], now=NOW) == (True,)


def _rest(facts: Facts, *, may_create: bool) -> Settled:
    step = Step.HELD if facts.manual_hold is not None else Step.AWAITING_STUDENT
    return settled(replace(facts, step=step))
