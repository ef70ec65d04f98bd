"""Looking at one contract until something outside is to be done, or nothing is."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import cast

import pytest

from syncd.actions import (
    Action,
    Announce,
    CancelRemote,
    Close,
    FetchDocument,
    Initialise,
    LookUp,
    ReadRemote,
    Supersede,
    Wait,
)
from syncd.jobs.settle import RestsUntil, Settler, name_of, never_rests
from syncd.model import Asked, DocumentKind, Event, Facts, HoldCode, Mission, MissionId, Policy, Role, Step, WarningCode
from syncd.ports.ledger import Settled
from syncd.procedure import idempotency_key
from tests.support.clock import FixedClock
from tests.support.facts import (
    AVAILABLE,
    CONTRACT,
    FRESH,
    INITIALISED,
    INVALID,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    STUDENT_DONE,
    asked,
    contract,
    generated,
    known,
    linked,
    mission,
    offered,
    pair,
    registered,
    said,
    stored,
)

MINUTE = timedelta(minutes=1)


def settler(*, policy: Policy = POLICY, now: datetime = NOW, rests_until: RestsUntil = never_rests) -> Settler:
    """Return a settler that stands still in time."""
    return Settler(policy=policy, clock=FixedClock(now), rests_until=rests_until)


def told(settled: Settled) -> list[str]:
    """Return what the timeline tells."""
    return [entry.event for entry in settled.entries]


def test_the_intent_is_in_the_facts_before_the_effect_leaves() -> None:
    settled = settler()(known(), may_create=True)

    assert settled.effect == Initialise(mission=mission(), key=idempotency_key(mission().mission_id, 0))
    assert (settled.facts.asked, settled.facts.sent, settled.facts.asked_at) == (Asked.UNDER_WAY, mission(), NOW)
    assert (settled.due_at, settled.next_action, settled.facts.step) == (NOW, "initialise", Step.TO_INITIALISE)
    assert (settled.is_active, settled.is_urgent, settled.is_late_request) == (True, False, False)


def test_ledger_entries_are_done_on_the_way_to_the_effect() -> None:
    settled = settler()(known(mission(level="M1")), may_create=True)

    assert told(settled) == ["letter.queued", "letter.queued"]
    assert [(n.event, n.role) for n in settled.facts.notifications] == [
        (Event.REGISTRATION_REQUESTED, Role.SECRETARIAT), (Event.REGISTRATION_INVITED, Role.STUDENT),
    ]  # fmt: skip
    assert isinstance(settled.effect, Initialise)


def test_a_decision_is_announced_with_its_letters() -> None:
    settled = settler()(known(PROFESSIONNALISATION), may_create=True)

    assert told(settled) == ["decision.announced", *["letter.queued"] * 3, "contract.advanced"]
    assert (settled.facts.decided_at, settled.facts.step) == (NOW, Step.AWAITING_DOCUMENTS)
    assert (settled.effect, settled.due_at, settled.next_action) == (None, None, "await_documents")


def test_a_reopening_supersedes_and_tells_the_supervisor_in_one_look() -> None:
    before = linked(
        contract("reopened", papers=pair()), documents=stored(*pair()), reopenings=1, step=Step.DONE,
        notifications=(*INITIALISED, *AVAILABLE, *registered()),
    )  # fmt: skip

    settled = settler()(before, may_create=True)

    assert told(settled) == ["letter.queued", "document.superseded", "document.superseded", "contract.advanced"]
    assert settled.entries[-1].detail == {"previous": Step.DONE, "step": Step.AWAITING_STUDENT}
    assert all(document.superseded_at == NOW for document in settled.facts.documents)


def test_a_cancellation_of_nothing_is_closed_at_once() -> None:
    settled = settler()(known(cancel_wanted="erreur"), may_create=True)

    assert told(settled) == ["contract.closed", "contract.advanced"]
    assert (settled.facts.closed_reason, settled.facts.step, settled.next_action) == ("erreur", Step.CLOSED, None)
    assert not settled.is_active


def test_a_hold_is_told_with_every_code_and_lifted_by_itself() -> None:
    held = settler()(known(replace(INVALID, mentor_name=None)), may_create=True)
    lifted = settler()(replace(held.facts, mission=mission()), may_create=True)

    assert told(held) == ["contract.held"]
    assert held.entries[0].detail == {"codes": "MENTOR_MISSING,SIRET_INVALID"}
    assert [hold.code for hold in held.holds] == [HoldCode.MENTOR_MISSING, HoldCode.SIRET_INVALID]
    assert (held.facts.step, held.effect, held.next_action) == (Step.HELD, None, "await_person")
    assert told(lifted) == ["contract.lifted"]
    assert lifted.facts.step is Step.TO_INITIALISE


def test_what_is_the_same_as_before_tells_nothing() -> None:
    once = settler()(linked(FRESH, step=Step.AWAITING_STUDENT), may_create=True)

    assert (once.entries, once.facts) == ((), linked(FRESH, step=Step.AWAITING_STUDENT))


def test_c01_an_intent_without_an_outcome_is_told_and_looked_up() -> None:
    settled = settler()(asked(Asked.UNDER_WAY, attempts=2), may_create=True)

    assert [(entry.event, dict(entry.detail)) for entry in settled.entries] == [
        ("contract.unanswered", {"attempts": 2})
    ]
    assert settled.effect == LookUp(reference=mission().mission_id)


def test_the_brake_holds_back_first_creations_alone() -> None:
    first = settler()(known(), may_create=False)
    again = settler()(asked(Asked.ABSENT), may_create=False)
    letters = settler()(known(mission(level="M1")), may_create=False)

    assert (first.effect, first.due_at, first.next_action) == (None, NOW + MINUTE, "await_brake")
    assert first.facts.asked is Asked.NEVER
    assert isinstance(again.effect, Initialise)
    assert len(letters.facts.notifications) == 2


@pytest.mark.parametrize("facts", [known(), linked(FRESH, reread_wanted=True)], ids=["creation", "reading"])
def test_r13_while_the_remote_rests_nothing_is_tried_and_nobody_comes_at_once(facts: Facts) -> None:
    until = NOW + MINUTE

    resting = settler(rests_until=resting_until(until))(facts, may_create=True)
    over = settler(now=until, rests_until=resting_until(until))(facts, may_create=True)

    assert resting.due_at is not None
    assert timedelta(0) < resting.due_at - until <= timedelta(seconds=0.5)
    assert (resting.effect, resting.facts.asked) == (None, facts.asked)
    assert over.effect is not None


def test_q11_who_waits_for_the_remote_stays_in_line() -> None:
    ages = [timedelta(seconds=0), timedelta(seconds=1), timedelta(minutes=5), timedelta(days=30)]
    until = NOW + MINUTE
    rests = settler(rests_until=resting_until(until))

    due = [rests(replace(known(), discovered_at=NOW - age), may_create=True).due_at for age in ages]

    assert all(at is not None for at in due)
    assert due == sorted(set(due), key=str, reverse=True)


def test_the_gate_is_told_who_failed_at_its_last_attempt() -> None:
    asked_for: list[bool] = []

    def rests_until(*, is_retry: bool) -> None:
        asked_for.append(is_retry)

    settler(rests_until=rests_until)(known(), may_create=True)
    settler(rests_until=rests_until)(replace(known(), last_error="CACTUS answers 500"), may_create=True)

    assert asked_for == [False, True]


def resting_until(until: datetime) -> RestsUntil:
    """Return a remote that rests, for everybody alike."""

    def rests_until(*, is_retry: bool) -> datetime:
        return until

    return rests_until


def test_letters_are_queued_while_the_remote_rests() -> None:
    settled = settler(rests_until=resting_until(NOW + MINUTE))(linked(STUDENT_DONE), may_create=True)

    assert told(settled) == ["letter.queued", "contract.advanced"]


def test_waiting_is_until_the_procedure_s_next_moment() -> None:
    settled = settler()(linked(FRESH), may_create=True)

    assert (settled.due_at, settled.next_action) == (NOW + timedelta(days=1), "await_student")


def test_urgency_lateness_and_warnings_are_told() -> None:
    row = mission(submitted_at=NOW, contract_starts_on=NOW.date() + timedelta(days=3))

    settled = settler()(known(row), may_create=True)

    assert (settled.is_urgent, settled.is_late_request) == (True, True)
    assert WarningCode.LATE_REQUEST in {warning.code for warning in settled.warnings}


class _EverybodyAnew(Policy):
    """A recipients' table that names somebody new at each look."""

    def recipients_of(self, event: Event, mission: Mission) -> tuple[Role, ...]:  # noqa: ARG002 - the port's shape
        """Return a role that nobody was."""
        return (cast("Role", f"{event}-{next(_NUMBERS)}"),)


_NUMBERS = count()


def test_q10_a_contract_that_goes_in_circles_is_set_aside_and_stops_nobody_else() -> None:
    endless = _EverybodyAnew(campaigns=POLICY.campaigns)
    before = linked(FRESH, step=Step.AWAITING_STUDENT)

    settled = settler(policy=endless)(before, may_create=True)

    assert (settled.facts.step, settled.facts.quarantined, settled.facts.last_error) == (
        Step.HELD, True, "unexpected AssertionError",
    )  # fmt: skip
    assert [hold.code for hold in settled.holds] == [HoldCode.QUARANTINED]
    assert (settled.effect, settled.due_at, settled.facts.notifications) == (None, None, before.notifications)


def test_a_command_leaves_every_effect_to_the_daemon() -> None:
    settled = Settler(policy=POLICY, clock=FixedClock(NOW), acts=False)(known(mission(level="M1")), may_create=True)

    assert (settled.effect, settled.due_at, settled.facts.asked) == (None, NOW, Asked.NEVER)
    assert len(settled.facts.notifications) == 2


NAMES: list[tuple[Action, str | None]] = [
    (Initialise(mission=mission(), key="k"), "initialise"),
    (LookUp(reference=MissionId("FVMA-2025-0042")), "look_up"),
    (ReadRemote(contract_id=CONTRACT), "read"),
    (FetchDocument(contract_id=CONTRACT, document=offered(DocumentKind.CERFA)), "fetch_cerfa"),
    (CancelRemote(contract_id=CONTRACT, reason="abandon"), "cancel"),
    (Announce(letters=()), "announce"),
    (Supersede(documents=()), "supersede"),
    (Close(reason="abandon"), "close"),
    (Wait(awaited="person"), "await_person"),
    (Wait(awaited="nothing"), None),
]


@pytest.mark.parametrize(("action", "name"), NAMES, ids=[type(action).__name__ for action, _ in NAMES])
def test_each_action_has_the_word_that_people_see(action: Action, name: str | None) -> None:
    assert name_of(action) == name


def test_what_is_done_rests_for_ever() -> None:
    done = linked(
        generated(*pair()), documents=stored(*pair()), step=Step.DONE,
        notifications=(*INITIALISED, *AVAILABLE, *registered(), *said(Event.STUDENT_PART_DONE, Role.HR_CONTACT)),
    )  # fmt: skip

    settled = settler()(done, may_create=True)

    assert (settled.facts, settled.effect, settled.due_at, settled.next_action) == (done, None, None, None)
