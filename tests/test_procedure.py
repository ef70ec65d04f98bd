"""The procedure as a decision table, from the mission to the filling: a situation, what is next, what people see."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from syncd.actions import Announce, Initialise
from syncd.model import (
    Asked,
    Event,
    Moment,
    Part,
    RecipientRule,
    Role,
    Step,
)
from syncd.procedure import idempotency_key, next_step, visible_step
from tests.support.facts import (
    AN_HOUR_AGO,
    AVAILABLE,
    COMPLETED,
    CONTRACT,
    DONE,
    FEEDLESS,
    FRESH,
    INITIALISED,
    INVALID,
    KEYLESS,
    MUTE,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    SIGHTLESS,
    STUDENT_DONE,
    TURN_OF_THE_COMPANY,
    WITHDRAWN,
    Row,
    asked,
    complete,
    contract,
    in_words,
    known,
    linked,
    mission,
    registered,
    rival,
)

HELD, TO_INITIALISE, CLOSED = Step.HELD, Step.TO_INITIALISE, Step.CLOSED
OTHER_YEAR = mission(
    academic_year="2026-2027", training_starts_on=None, training_ends_on=None,
    contract_starts_on=date(2026, 9, 15), contract_ends_on=date(2027, 9, 15),
)  # fmt: skip
CHANGED = mission(contract_ends_on=date(2026, 10, 1))
M1 = mission(level="M1")
L3 = mission(level="L3")
A_WHILE_AGO = NOW - timedelta(days=30)
BOTH_LETTERS = "announce contract.initialised→student contract.initialised→hr_contact"
REGISTRATION = "announce registration.requested→secretariat registration.invited→student"
WITHDRAWAL = "announce mission.withdrawn→supervisor"
JUST_NOW = NOW - timedelta(seconds=10)

# fmt: off
BEFORE_SENDING = [
    Row("a valid mission is initialised", known(), "initialise", TO_INITIALISE),
    Row("L3 is as M2: nobody registers before the documents", known(L3), "initialise", TO_INITIALISE),
    Row("M1 registers from the validation on, whatever CACTUS does", known(M1), REGISTRATION, TO_INITIALISE),
    Row("M1 told of the registration is initialised",
        known(M1, notifications=registered()), "initialise", TO_INITIALISE),
    Row("M1 is told although CACTUS failed just now",
        known(M1, not_before=NOW + timedelta(1)), REGISTRATION, TO_INITIALISE),
    Row("an invalid M1 mission registers nowhere", known(replace(INVALID, level="M1")), "await person", HELD),
    Row("an invalid mission waits for its correction", known(INVALID), "await person", HELD),
    Row("a mission in preparation waits", known(mission(status="draft")), "await person", HELD),
    Row("a mission of a campaign to come waits for its opening",
        known(OTHER_YEAR), "await person until 14/05 22:00", HELD),
    Row("an admin holds it", known(manual_hold="à vérifier"), "await person", HELD),
    Row("it crashed the service thrice", known(quarantined=True), "await person", HELD),
    Row("an older mission of the student goes first", known(rivals=(rival(1),)), "await person", HELD),
    Row("a mission withdrawn before anything was sent is over", known(WITHDRAWN), "await nothing", CLOSED),
    Row("a row gone from two sweeps is as good as withdrawn", known(sweeps_missed=2), "await nothing", CLOSED),
    Row("a row missing from one sweep is nothing yet", known(sweeps_missed=1), "initialise", TO_INITIALISE),
    Row("a withdrawn M1 mission: the office that was written to learns it",
        known(WITHDRAWN, notifications=registered()),
        "announce mission.withdrawn→secretariat mission.withdrawn→supervisor", CLOSED),
    Row("an admin cancels what nobody asked for", known(cancel_wanted="erreur"), "close: erreur", TO_INITIALISE),
    Row("an admin cancels what is held", known(INVALID, cancel_wanted="erreur"), "close: erreur", HELD),
    Row("it is closed by hand", known(closed_reason="erreur"), "await nothing", CLOSED),
]

ASKING = [
    Row("a remote without keys is looked at first", known(), "look up", TO_INITIALISE, KEYLESS),
    Row("looked at without keys, it is asked", known(looked_up_at=JUST_NOW), "initialise", TO_INITIALISE, KEYLESS),
    Row("without keys, what was absent an hour ago may be there by now",
        known(looked_up_at=NOW - timedelta(hours=1)), "look up", TO_INITIALISE, KEYLESS),
    Row("without keys and look-up it is asked once", known(), "initialise", TO_INITIALISE, MUTE),
    Row("CACTUS did nothing: again", asked(Asked.NOT_APPLIED), "initialise", TO_INITIALISE),
    Row("CACTUS did nothing: again, but later", asked(Asked.NOT_APPLIED, not_before=NOW + timedelta(minutes=5)),
        "await retry until 10/06 08:05", TO_INITIALISE),
    Row("CACTUS did nothing, and the mission was corrected for the worse", asked(Asked.NOT_APPLIED, row=INVALID),
        "await person", HELD),
    Row("CACTUS did nothing, and the mission is withdrawn",
        asked(Asked.NOT_APPLIED, row=WITHDRAWN), "await nothing", CLOSED),
    Row("the answer was lost: look", asked(Asked.UNKNOWN), "look up", TO_INITIALISE),
    Row("the answer was lost, look although it was looked at before", asked(Asked.UNKNOWN, looked_up_at=A_WHILE_AGO),
        "look up", TO_INITIALISE, KEYLESS),
    Row("without keys, an absence right after counts for nothing", asked(Asked.UNKNOWN, looked_up_at=JUST_NOW),
        "await retry until 10/06 08:01", TO_INITIALISE, KEYLESS),
    Row("without keys, look again a processing time later",
        asked(Asked.UNKNOWN, looked_up_at=NOW - timedelta(minutes=2)), "look up", TO_INITIALISE, KEYLESS),
    Row("without look-up, the same key again is the question",
        asked(Asked.UNKNOWN), "initialise", TO_INITIALISE, SIGHTLESS),
    Row("without look-up, nothing is asked for a held one",
        asked(Asked.UNKNOWN, manual_hold="non"), "await person", HELD,
        SIGHTLESS),
    Row("without look-up, a cancellation must learn the id",
        asked(Asked.UNKNOWN, manual_hold="non", cancel_wanted="non"),
        "initialise", HELD, SIGHTLESS),
    Row("without keys and look-up a person is asked", asked(Asked.UNKNOWN), "await person", HELD, MUTE),
    Row("without keys and look-up a cancellation asks nothing twice either",
        asked(Asked.UNKNOWN, cancel_wanted="non"), "await person", HELD, MUTE),
    Row("the same for a service that was killed", asked(Asked.UNDER_WAY), "await person", HELD, MUTE),
    Row("a withdrawal is told although the outcome is unknown",
        asked(Asked.UNKNOWN, row=WITHDRAWN), WITHDRAWAL, HELD, MUTE),
    Row("a held one is looked up all the same", asked(Asked.UNKNOWN, manual_hold="non"), "look up", HELD),
    Row("a cancellation looks before it closes", asked(Asked.UNKNOWN, cancel_wanted="non"), "look up", TO_INITIALISE),
    Row("it is not there: again", asked(Asked.ABSENT, looked_up_at=JUST_NOW), "initialise", TO_INITIALISE),
    Row("it is not there and was changed: a person decides", asked(Asked.ABSENT, row=CHANGED), "await person", HELD),
    Row("it was not there when it may still have been on its way, and a person decides: looked for once more",
        asked(Asked.ABSENT, row=CHANGED, looked_up_at=AN_HOUR_AGO), "look up", HELD),
    Row("it is not there, and may still be on its way: looked for when it cannot be any more", asked(
        Asked.ABSENT, at=JUST_NOW, row=CHANGED, looked_up_at=JUST_NOW), "await person until 10/06 08:01", HELD),
    Row("it is not there for sure: a person decides",
        asked(Asked.ABSENT, row=CHANGED, looked_up_at=JUST_NOW), "await person", HELD),
    Row("it is not there and is withdrawn: told, never asked again",
        asked(Asked.ABSENT, row=WITHDRAWN), WITHDRAWAL, HELD),
    Row("it is not there, for sure, and cancelled",
        asked(Asked.ABSENT, cancel_wanted="non"), "close: non", TO_INITIALISE),
    Row("a cancellation does not close what may still be on its way", asked(
        Asked.UNKNOWN, looked_up_at=JUST_NOW, cancel_wanted="non"), "await retry until 10/06 08:01", TO_INITIALISE),
    Row("a cancellation looks once more a processing time later", asked(
        Asked.UNKNOWN, looked_up_at=NOW - timedelta(minutes=2), cancel_wanted="non"), "look up", TO_INITIALISE),
    Row("CACTUS does not accept the request", asked(Asked.REFUSED, refusal="student.email"), "await person", HELD),
    Row("CACTUS has another contract of this mission", asked(Asked.CONFLICT, conflict="C-9"), "await person", HELD),
    Row("what CACTUS refused is cancelled", asked(Asked.REFUSED, cancel_wanted="non"), "close: non", HELD),
    Row("what is in conflict is cancelled", asked(Asked.CONFLICT, cancel_wanted="non"), "close: non", HELD),
    Row("what CACTUS refused is withdrawn", asked(Asked.REFUSED, row=WITHDRAWN), WITHDRAWAL, HELD),
]

FILLING = [
    Row("it was just created: both learn it", linked(FRESH, notifications=()), BOTH_LETTERS, Step.AWAITING_STUDENT),
    Row("both were told: the student fills", linked(FRESH), "await student until 15/06 08:00", Step.AWAITING_STUDENT,
        replace(POLICY, patience=replace(POLICY.patience, reread_after=timedelta(days=5)))),
    Row("the student types", linked(contract("in_progress", student="in_progress")), "await student until 11/06 08:00",
        Step.AWAITING_STUDENT),
    Row("the company was faster: the student is awaited", linked(contract("in_progress", company=DONE)),
        "await student until 11/06 08:00", Step.AWAITING_STUDENT),
    Row("the student is done: the company's turn", linked(STUDENT_DONE), "announce student_part.done→hr_contact",
        Step.AWAITING_COMPANY),
    Row("the company was told", linked(STUDENT_DONE, notifications=(*INITIALISED, *TURN_OF_THE_COMPANY)),
        "await company until 11/06 08:00", Step.AWAITING_COMPANY),
    Row("both parts are done: the CFA generates", linked(COMPLETED), "await documents until 11/06 08:00",
        Step.AWAITING_DOCUMENTS),
    Row("both were done at once: nobody has a turn", linked(COMPLETED, notifications=()), BOTH_LETTERS,
        Step.AWAITING_DOCUMENTS),
    Row("the student is reminded after five days", linked(FRESH, at=NOW - timedelta(days=5), remote_read_at=NOW),
        "announce student_part.reminder→student", Step.AWAITING_STUDENT),
    Row("without a feed it is read again soon", linked(FRESH), "await student until 10/06 08:01", Step.AWAITING_STUDENT,
        FEEDLESS),
    Row("without a feed, unchanged for ten days, it is read four times a day",
        linked(FRESH, at=A_WHILE_AGO, remote_read_at=NOW, student_awaited_since=NOW), "await student until 10/06 14:00",
        Step.AWAITING_STUDENT, FEEDLESS),
    Row("with a feed it is read again after a day", linked(FRESH, remote_read_at=NOW - timedelta(days=1)), "read",
        Step.AWAITING_STUDENT),
    Row("something says that CACTUS may have changed",
        linked(FRESH, reread_wanted=True), "read", Step.AWAITING_STUDENT),
    Row("reading failed: later", linked(FRESH, reread_wanted=True, not_before=NOW + timedelta(minutes=1)),
        "await retry until 10/06 08:01", Step.AWAITING_STUDENT),
    Row("linked and never read",
        known(contract_id=CONTRACT, asked=Asked.ANSWERED, asked_at=NOW, baseline=mission()), "read",
        TO_INITIALISE),
    Row("an unknown word of CACTUS: it stays where it was",
        linked(contract("scellé", student=DONE), step=Step.AWAITING_COMPANY), "await company until 11/06 08:00",
        Step.AWAITING_COMPANY),
    Row("an unknown word from the first reading on: the parts tell", linked(contract("scellé", student=DONE)),
        "await company until 11/06 08:00", Step.AWAITING_COMPANY),
    Row("an unknown word after the documents: the registration counts", complete(
        remote=contract("scellé", student=DONE, company=DONE), step=Step.TO_REGISTER,
        notifications=(*INITIALISED, *AVAILABLE, *registered())), "await nothing", Step.DONE),
    Row("an unknown state of a part is not done", linked(contract("in_progress", student="presque")),
        "await student until 11/06 08:00", Step.AWAITING_STUDENT),
    Row("adopted while the student fills: both learn it", linked(FRESH, adopted=True, notifications=()), BOTH_LETTERS,
        Step.AWAITING_STUDENT),
    Row("adopted when all is filled: the first letters are pointless",
        linked(COMPLETED, adopted=True, notifications=()),
        "await documents until 11/06 08:00", Step.AWAITING_DOCUMENTS),
]
# fmt: on

TABLE = [*BEFORE_SENDING, *ASKING, *FILLING]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.situation)
def test_what_is_done_next_and_where_people_see_it(row: Row) -> None:
    action = next_step(row.facts, now=NOW, policy=row.policy)
    step = visible_step(row.facts, now=NOW, policy=row.policy)

    assert (in_words(action), step) == (row.action, row.step)


def test_what_is_sent_has_the_campaign_s_training_dates_where_the_row_has_none() -> None:
    action = next_step(known(mission(training_starts_on=None, training_ends_on=None)), now=NOW, policy=POLICY)

    assert isinstance(action, Initialise)
    assert (action.mission.training_starts_on, action.mission.training_ends_on) == (date(2025, 9, 1), date(2026, 8, 31))


def test_q05_what_was_asked_once_is_asked_again_as_it_was() -> None:
    renamed = replace(asked(Asked.ABSENT, row=CHANGED), baseline=CHANGED)

    action = next_step(renamed, now=NOW, policy=POLICY)

    assert isinstance(action, Initialise)
    assert action.mission == mission()


def test_r02_the_key_is_the_same_for_ever_and_another_one_after_a_refusal() -> None:
    facts = known()

    keys = {idempotency_key(facts.mission_id, ask_round) for ask_round in (0, 0, 1)}

    assert keys == {"3113d056-5ffe-5b7c-a6e1-54c69f4582bb", "9c69227c-094e-5dcb-8c34-146fcc34113f"}


def test_the_recipients_table_decides_when_a_level_registers() -> None:
    early = RecipientRule(event=Event.REGISTRATION_REQUESTED, to=(Role.SECRETARIAT,), moment=Moment.VALIDATION)

    action = next_step(known(L3), now=NOW, policy=replace(POLICY, recipients=(early,)))

    assert in_words(action) == "announce registration.requested→secretariat"


def test_a_decision_that_nobody_is_told_of_is_a_decision_all_the_same() -> None:
    action = next_step(known(PROFESSIONNALISATION), now=NOW, policy=replace(POLICY, recipients=()))

    assert action == Announce(letters=(), decides=True)


def test_what_was_asked_before_rows_were_kept_is_asked_as_the_row_is() -> None:
    facts = replace(asked(Asked.ABSENT, row=mission(academic_year="2025")), sent=None, baseline=None)

    action = next_step(facts, now=NOW, policy=POLICY)

    assert isinstance(action, Initialise)
    assert action.mission == facts.mission


def test_a_part_s_date_decides_nothing() -> None:
    remote = replace(FRESH, student_part=Part(state="todo", done_at=AN_HOUR_AGO))

    assert visible_step(linked(remote), now=NOW, policy=POLICY) is Step.AWAITING_STUDENT
