"""The procedure as a decision table, from the documents to the end: held and closed contracts, and the other track."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from syncd.model import (
    DocumentKind,
    Event,
    NotificationState,
    Role,
    Step,
)
from syncd.procedure import next_step, visible_step
from tests.support.facts import (
    AVAILABLE,
    COMPLETED,
    DECIDED,
    FEEDLESS,
    FRESH,
    INITIALISED,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    STUDENT_DONE,
    TURN_OF_THE_COMPANY,
    WITHDRAWN,
    Row,
    complete,
    contract,
    decided,
    generated,
    in_words,
    known,
    linked,
    mission,
    offered,
    pair,
    registered,
    remote_with,
    said,
    stored,
)

CERFA, CONVENTION = DocumentKind.CERFA, DocumentKind.CONVENTION
HELD, TO_INITIALISE, CLOSED = Step.HELD, Step.TO_INITIALISE, Step.CLOSED
CHANGED = mission(contract_ends_on=date(2026, 10, 1))
M1 = mission(level="M1")
A_WHILE_AGO = NOW - timedelta(days=30)
OFFICE_REGISTRATION = "announce registration.requested→continuing_education registration.invited→student"
AVAILABLE_LETTERS = "documents.available→student documents.available→hr_contact documents.available→supervisor"
WITHDRAWAL = "announce mission.withdrawn→supervisor"

# fmt: off
DOCUMENTS = [
    Row("generated: fetch the Cerfa", linked(generated(*pair())), "fetch cerfa 1", Step.TO_FETCH),
    Row("what was offered a day ago and never came is asked about again",
        linked(generated(*pair()), remote_read_at=NOW - timedelta(days=1)), "read", Step.TO_FETCH),
    Row("then the convention", linked(generated(*pair()), documents=stored(offered(CERFA))), "fetch convention 1",
        Step.TO_FETCH),
    Row("signed, transmitted, filed: fetched all the same",
        linked(generated(*pair(), status="signed")), "fetch cerfa 1",
        Step.TO_FETCH),
    Row("the highest version counts, in whatever order they are listed", linked(generated(*pair(2), *pair(1))),
        "fetch cerfa 2", Step.TO_FETCH),
    Row("only one document is there yet", linked(generated(offered(CERFA)), documents=stored(offered(CERFA))),
        "await documents until 11/06 08:00", Step.TO_FETCH),
    Row("generated, nothing listed yet", linked(generated()), "await documents until 11/06 08:00", Step.TO_FETCH),
    Row("this remote serves no documents: papers by hand are awaited", linked(generated(*pair())),
        "await documents until 11/06 08:00", Step.AWAITING_DOCUMENTS, remote_with(documents=False)),
    Row("both papers are handed over: told, and registered", linked(generated(), documents=stored(*pair())),
        f"announce {AVAILABLE_LETTERS} registration.requested→secretariat registration.invited→student",
        Step.TO_REGISTER, remote_with(documents=False)),
    Row("the pair is stored: told, and registered", linked(generated(*pair()), documents=stored(*pair())),
        f"announce {AVAILABLE_LETTERS} registration.requested→secretariat registration.invited→student",
        Step.TO_REGISTER),
    Row("M1 was told to register long ago: only the documents are told", linked(
        generated(*pair()), documents=stored(*pair()), row=M1, baseline=M1, notifications=(*INITIALISED,
        *registered())),
        f"announce {AVAILABLE_LETTERS}", Step.DONE),
    Row("registered at one office, it is registered at no other one", complete(
        mission=PROFESSIONNALISATION, baseline=PROFESSIONNALISATION,
        notifications=(*INITIALISED, *AVAILABLE, *registered())), "await nothing", Step.DONE),
    Row("the registration is queued", complete(notifications=(
        *INITIALISED, *AVAILABLE, *registered(state=NotificationState.QUEUED))), "await mail", Step.TO_REGISTER),
    Row("the registration could not be delivered", complete(notifications=(
        *INITIALISED, *AVAILABLE, *registered(state=NotificationState.FAILED))), "await mail", Step.TO_REGISTER),
    Row("all is done", complete(notifications=(*INITIALISED, *AVAILABLE, *registered())), "await nothing", Step.DONE),
    Row("done, without a feed: asked more and more rarely", complete(
        notifications=(*INITIALISED, *AVAILABLE, *registered()), status_since=A_WHILE_AGO),
        "await nothing until 10/06 14:00",
        Step.DONE, FEEDLESS),
    Row("the recipients' table tells nobody of the registration", complete(), "await nothing", Step.DONE, replace(
        POLICY, recipients=tuple(r for r in POLICY.recipients if not r.event.startswith("registration")))),
    Row("a new version is offered",
        complete(remote=generated(*pair(), offered(CERFA, 2))), "fetch cerfa 2", Step.TO_FETCH),
    Row("other bytes under the same version are another document",
        complete(remote=generated(offered(CERFA, 1, "other"), offered(CONVENTION))), "fetch cerfa 1", Step.TO_FETCH),
    Row("a bad document waits for the other one", linked(
        generated(*pair()), document_fault="hash_mismatch", document_fault_of=CERFA), "fetch convention 1", HELD),
    Row("a bad document is fetched again with patience", linked(
        generated(*pair()), document_fault="hash_mismatch", document_fault_of=CERFA,
        documents=stored(offered(CONVENTION)), not_before=NOW + timedelta(hours=1)), "await retry until 10/06 09:00",
        HELD),
    Row("reopened: the supervisor learns it", complete(remote=contract("reopened"), reopenings=1),
        "announce contract.reopened→supervisor", Step.AWAITING_STUDENT),
    Row("reopened: the documents no longer hold, those still listed included", complete(
        remote=contract("reopened", papers=pair()), reopenings=1,
        notifications=said(Event.CONTRACT_REOPENED, Role.SUPERVISOR, cause="1")),
        "supersede cerfa 1 convention 1", Step.AWAITING_STUDENT),
    Row("the parts are filled again: nothing of the old documents holds", complete(remote=STUDENT_DONE),
        "supersede cerfa 1 convention 1", Step.AWAITING_COMPANY),
    Row("reopened and filled by the student: the company's turn again", linked(
        STUDENT_DONE, reopenings=1, notifications=(
            *INITIALISED, *TURN_OF_THE_COMPANY, *said(Event.CONTRACT_REOPENED, Role.SUPERVISOR, cause="1"))),
        "announce student_part.done→hr_contact", Step.AWAITING_COMPANY),
    Row("reopened, the student faster than we: told all the same", linked(STUDENT_DONE, reopenings=1),
        "announce contract.reopened→supervisor", Step.AWAITING_COMPANY),
]

HELD_OR_OVER = [
    Row("refused by the CFA or the OPCO: the supervisor learns it", linked(contract("refused", reason="IDCC")),
        "announce contract.refused→supervisor", HELD),
    Row("refused and told", linked(contract("refused"), notifications=said(Event.CONTRACT_REFUSED, Role.SUPERVISOR)),
        "await person until 11/06 08:00", HELD),
    Row("CACTUS forgot the contract", linked(FRESH, is_missing_remotely=True), "await person until 11/06 08:00", HELD),
    Row("CACTUS forgot it with its documents: nothing is fetched", linked(generated(*pair()), is_missing_remotely=True),
        "await person until 11/06 08:00", HELD),
    Row("changed after sending: a person decides", linked(FRESH, row=CHANGED), "await person until 11/06 08:00", HELD),
    Row("held, it is still read", linked(FRESH, row=CHANGED, remote_read_at=A_WHILE_AGO), "read", HELD),
    Row("held, its documents are still fetched", linked(generated(*pair()), manual_hold="non"), "fetch cerfa 1", HELD),
    Row("held, its outdated documents no longer hold", complete(remote=COMPLETED, manual_hold="non"),
        "supersede cerfa 1 convention 1", HELD),
    Row("held, nobody is told that the student is done", linked(STUDENT_DONE, manual_hold="non"),
        "await person until 11/06 08:00", HELD),
    Row("held, nobody is reminded", linked(FRESH, at=A_WHILE_AGO, remote_read_at=NOW, manual_hold="non"),
        "await person until 11/06 08:00", HELD),
    Row("held, nobody registers",
        linked(generated(*pair()), documents=stored(*pair()), manual_hold="non"), "await person",
        HELD),
    Row("of another track since: its contract is still watched", linked(
        FRESH, row=PROFESSIONNALISATION, remote_read_at=A_WHILE_AGO), "read", HELD),
    Row("released although of another track: CACTUS cancels it", linked(
        FRESH, row=PROFESSIONNALISATION, baseline=PROFESSIONNALISATION, cancel_wanted="non"), "cancel: non",
        Step.AWAITING_STUDENT),
    Row("in quarantine after sending", linked(STUDENT_DONE, quarantined=True), "await person until 11/06 08:00", HELD),
    Row("withdrawn after sending: supervisor and offices are told", linked(
        FRESH, row=WITHDRAWN, notifications=(*INITIALISED, *registered())),
        "announce mission.withdrawn→secretariat mission.withdrawn→supervisor", HELD),
    Row("withdrawn and told",
        linked(FRESH, row=WITHDRAWN, notifications=said(Event.MISSION_WITHDRAWN, Role.SUPERVISOR)),
        "await person until 11/06 08:00", HELD),
    Row("gone from the store after sending", linked(FRESH, sweeps_missed=2), WITHDRAWAL, HELD),
    Row("withdrawn, and an admin goes on all the same", linked(FRESH, row=WITHDRAWN, baseline=WITHDRAWN),
        "await student until 11/06 08:00", Step.AWAITING_STUDENT),
    Row("gone, and an admin goes on all the same", linked(FRESH, sweeps_missed=3, baseline_is_gone=True),
        "await student until 11/06 08:00", Step.AWAITING_STUDENT),
    Row("an admin cancels", linked(FRESH, cancel_wanted="abandon"), "cancel: abandon", Step.AWAITING_STUDENT),
    Row("an admin cancels what is held", linked(FRESH, row=CHANGED, cancel_wanted="abandon"), "cancel: abandon", HELD),
    Row("an admin cancels what CACTUS forgot", linked(FRESH, is_missing_remotely=True, cancel_wanted="abandon"),
        "close: abandon", HELD),
    Row("this CACTUS takes no cancellations: it is watched until somebody cancels it there",
        linked(FRESH, cancel_wanted="abandon"), "await student until 11/06 08:00", Step.AWAITING_STUDENT,
        remote_with(cancellation=False)),
    *(Row(f"{status} in CACTUS: over, and told",
        linked(contract(status)), "announce contract.cancelled→supervisor", CLOSED)
      for status in ("cancelled", "terminated", "closed")),
    Row("over and told", linked(contract("cancelled"), notifications=said(Event.CONTRACT_CANCELLED, Role.SUPERVISOR)),
        "await nothing", CLOSED),
    Row("over: whatever changes in the row means nothing", linked(contract("cancelled"), row=CHANGED, manual_hold="non",
        notifications=said(Event.CONTRACT_CANCELLED, Role.SUPERVISOR)), "await nothing", CLOSED),
    Row("over: an unknown word opens nothing again", linked(contract("archivé"), step=CLOSED,
        notifications=said(Event.CONTRACT_CANCELLED, Role.SUPERVISOR)), "await nothing", CLOSED),
    Row("over, and something says that CACTUS has changed", linked(contract("cancelled"), reread_wanted=True), "read",
        CLOSED),
]

OFFICE = [
    Row("the decision is told to student, company and office", known(PROFESSIONNALISATION),
        "announce decision.favourable→student decision.favourable→hr_contact decision.favourable→continuing_education",
        TO_INITIALISE),
    Row("M1 registers with the decision", known(replace(PROFESSIONNALISATION, level="M1"), notifications=DECIDED),
        OFFICE_REGISTRATION, TO_INITIALISE),
    Row("an invalid one is told to nobody",
        known(replace(PROFESSIONNALISATION, company_siret="1")), "await person", HELD),
    Row("the office establishes the papers", decided(), "await documents", Step.AWAITING_DOCUMENTS),
    Row("one paper is there", decided(CERFA), "await documents", Step.AWAITING_DOCUMENTS),
    Row("both are there: told, and registered at the office", decided(CERFA, CONVENTION),
        f"announce {AVAILABLE_LETTERS} registration.requested→continuing_education registration.invited→student",
        Step.TO_REGISTER),
    Row("the registration is on its way", decided(CERFA, CONVENTION, notifications=(
        *AVAILABLE, *registered(Role.CONTINUING_EDUCATION, NotificationState.UNKNOWN))), "await mail",
        Step.TO_REGISTER),
    Row("all is done", decided(CERFA, CONVENTION, notifications=(*AVAILABLE, *registered(Role.CONTINUING_EDUCATION))),
        "await nothing", Step.DONE),
    Row("withdrawn: supervisor and office are told", decided(mission=replace(PROFESSIONNALISATION, status="withdrawn")),
        "announce mission.withdrawn→continuing_education mission.withdrawn→supervisor", HELD),
    Row("changed after the decision: letters stop",
        decided(CERFA, CONVENTION, mission=mission()), "await person", HELD),
    Row("cancelled by an admin: nothing to ask of CACTUS", decided(cancel_wanted="abandon"), "close: abandon",
        Step.AWAITING_DOCUMENTS),
    Row("cancelled: told", decided(closed_reason="abandon"), "announce contract.cancelled→supervisor", CLOSED),
]
# fmt: on

TABLE = [*DOCUMENTS, *HELD_OR_OVER, *OFFICE]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.situation)
def test_what_is_done_next_and_where_people_see_it(row: Row) -> None:
    action = next_step(row.facts, now=NOW, policy=row.policy)
    step = visible_step(row.facts, now=NOW, policy=row.policy)

    assert (in_words(action), step) == (row.action, row.step)
