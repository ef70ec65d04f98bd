"""What each outcome, each reading and each decision of a person adds to what is known."""

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.actions import Announce, Initialise, Letter, LookUp
from syncd.model import Asked, DocumentKind, Event, Facts, NotificationState, Patience, Role
from syncd.standing import has_been_sent, is_withdrawn
from syncd.transitions import (
    absent,
    announce,
    begin,
    conflicting,
    delay_after,
    failed,
    is_same_contract,
    link,
    missing,
    not_applied,
    observe,
    refused,
    reject_document,
    store_document,
    succeeded,
    supersede,
    survive_crash,
    unanswered,
    unchanged,
    want_cancellation,
)
from tests.support.facts import (
    AN_HOUR_AGO,
    COMPLETED,
    CONTRACT,
    DONE,
    FRESH,
    NOW,
    STUDENT_DONE,
    TODO,
    asked,
    contract,
    generated,
    known,
    linked,
    mission,
    offered,
    pair,
    stored,
)

PATIENCE = Patience()
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CERFA, CONVENTION = DocumentKind.CERFA, DocumentKind.CONVENTION
RENAMED = mission(mission_title="Un autre intitulé")


def asking(facts: Facts, *, at: timedelta = timedelta()) -> Facts:
    """Return the facts once the intent to ask is committed."""
    return begin(facts, Initialise(mission=facts.mission, key="k"), now=NOW + at)


# -------------------------------------------------------------------------------------------------------------- intents


def test_an_intent_freezes_the_row() -> None:
    facts = asking(known(RENAMED))

    assert (facts.asked, facts.asked_at, facts.first_asked_at) == (Asked.UNDER_WAY, NOW, NOW)
    assert facts.sent == facts.baseline == RENAMED


def test_only_a_creation_is_an_intent_that_must_be_remembered() -> None:
    assert begin(known(), LookUp(reference=known().mission_id), now=NOW) == known()


@pytest.mark.parametrize("outcome", [Asked.ABSENT, Asked.UNKNOWN])
def test_repeating_an_open_request_keeps_what_it_is_compared_with(outcome: Asked) -> None:
    facts = asking(asked(outcome, row=RENAMED))

    assert facts.baseline == mission()
    assert (facts.first_asked_at, facts.asked_at) == (AN_HOUR_AGO, NOW)


def test_what_certainly_did_not_arrive_is_asked_as_the_row_is_now() -> None:
    again = asking(replace(not_applied(asking(known())), mission=RENAMED), at=HOUR)

    assert (again.baseline, again.first_asked_at) == (RENAMED, NOW + HOUR)


def test_c01_an_intent_without_an_outcome_may_have_been_carried_out() -> None:
    assert survive_crash(asking(known())).asked is Asked.UNKNOWN
    assert survive_crash(known()) == known()


def test_r01_what_was_not_applied_leaves_nothing_behind() -> None:
    facts = not_applied(asking(known()))

    assert (facts.asked, facts.sent, facts.baseline) == (Asked.NOT_APPLIED, None, None)
    assert not has_been_sent(facts)


def test_r02_an_earlier_request_without_an_answer_still_counts() -> None:
    unknown = unanswered(asking(known()))
    looked_up = absent(unknown, now=NOW + MINUTE, idempotent=True, patience=PATIENCE)

    by_key_alone = not_applied(asking(unknown, at=HOUR))
    after_a_look = not_applied(asking(looked_up, at=HOUR))
    cancelled = not_applied(want_cancellation(asking(looked_up, at=HOUR), "abandon"))

    assert (by_key_alone.asked, after_a_look.asked, cancelled.asked) == (Asked.UNKNOWN, Asked.ABSENT, Asked.UNKNOWN)
    assert has_been_sent(by_key_alone)


def test_r03_without_keys_an_absence_counts_a_processing_time_after_the_first_look() -> None:
    unknown = unanswered(asking(known()))
    first = absent(unknown, now=NOW + HOUR, idempotent=False, patience=PATIENCE)
    early = absent(first, now=NOW + HOUR + MINUTE, idempotent=False, patience=PATIENCE)
    late = absent(first, now=NOW + HOUR + 2 * MINUTE, idempotent=False, patience=PATIENCE)

    assert [first.asked, early.asked, late.asked] == [Asked.UNKNOWN, Asked.UNKNOWN, Asked.ABSENT]


def test_r03_a_look_before_the_request_says_nothing_of_it() -> None:
    unknown = unanswered(asking(known(looked_up_at=AN_HOUR_AGO)))

    assert absent(unknown, now=NOW + HOUR, idempotent=False, patience=PATIENCE).asked is Asked.UNKNOWN


def test_with_keys_an_absence_counts_at_once_but_not_for_a_cancellation() -> None:
    unknown = unanswered(asking(known()))

    assert absent(unknown, now=NOW + SECOND, idempotent=True, patience=PATIENCE).asked is Asked.ABSENT
    cancelled = want_cancellation(unknown, "abandon")
    assert absent(cancelled, now=NOW + SECOND, idempotent=True, patience=PATIENCE).asked is Asked.UNKNOWN


def test_looking_before_asking_says_only_that_nothing_is_there() -> None:
    for facts in (known(), asked(Asked.NOT_APPLIED)):
        looked_up = absent(facts, now=NOW, idempotent=False, patience=PATIENCE)
        assert (looked_up.asked, looked_up.looked_up_at) == (facts.asked, NOW)


def test_t01_a_look_comes_after_its_request_whatever_became_of_the_clock() -> None:
    unknown = unanswered(asking(known()))

    looked_up = absent(unknown, now=NOW - HOUR, idempotent=False, patience=PATIENCE)

    assert looked_up.looked_up_at is not None
    assert looked_up.looked_up_at > NOW


def test_a_refusal_and_a_conflict_end_the_attempts() -> None:
    tried = asked(Asked.UNDER_WAY, attempts=3, not_before=NOW, last_error="x")

    assert refused(tried, "student.email") == replace(succeeded(tried), asked=Asked.REFUSED, refusal="student.email")
    assert conflicting(tried, "C-9") == replace(succeeded(tried), asked=Asked.CONFLICT, conflict="C-9")


def test_l05_whoever_was_adopted_meanwhile_is_not_lost_to_a_late_outcome() -> None:
    adopted = link(asking(known()), FRESH, now=NOW, adopted=True)

    assert unanswered(adopted) == not_applied(adopted) == refused(adopted, "x") == adopted
    assert absent(adopted, now=NOW, idempotent=True, patience=PATIENCE) == adopted


def test_a_second_contract_never_takes_the_place_of_the_first() -> None:
    other = replace(FRESH, contract_id=type(CONTRACT)("C-2"))

    facts = link(linked(FRESH), other, now=NOW)

    assert (facts.contract_id, facts.asked, facts.conflict) == (CONTRACT, Asked.CONFLICT, "contrat C-2")


# -------------------------------------------------------------------------------------------------------------- linking


@pytest.mark.parametrize("adopted", [False, True])
def test_q06_a_contract_that_is_found_makes_no_withdrawal_accepted_but_an_admin_does(*, adopted: bool) -> None:
    withdrawn = known(mission(status="withdrawn"))

    found = link(withdrawn, FRESH, now=NOW, adopted=adopted)

    assert is_withdrawn(found) is not adopted


def test_a_link_ends_every_question() -> None:
    before = replace(asked(Asked.CONFLICT, conflict="C-9", refusal="x"), baseline=None)

    facts = link(before, FRESH, now=NOW, adopted=True)

    assert (facts.asked, facts.contract_id, facts.linked_at) == (Asked.ANSWERED, CONTRACT, NOW)
    assert (facts.conflict, facts.refusal, facts.adopted, facts.baseline) == (None, None, True, facts.mission)
    assert (facts.remote, facts.remote_read_at, facts.student_awaited_since) == (FRESH, NOW, NOW)
    assert link(facts, FRESH, now=NOW).adopted, "what was adopted stays so"


@pytest.mark.parametrize(
    ("number", "siret", "reference", "is_same"),
    [
        ("22001234", "12345678200010", None, True),
        ("22001234", None, None, True),
        (None, "12345678200010", None, True),
        ("22001234", "98765432400027", "FVMA-2025-0042", False),
        ("99999999", "12345678200010", "FVMA-2025-0042", False),
        ("99999999", None, "FVMA-2025-0042", False),
        (None, None, "FVMA-2025-0042", True),
        (None, None, "FVMA-2025-0043", False),
        (None, None, None, False),
    ],
)
def test_a_contract_is_the_mission_s_by_student_and_company_else_by_reference(
    number: str | None, siret: str | None, reference: str | None, is_same: bool
) -> None:
    remote = replace(FRESH, student_number=number, company_siret=siret, external_reference=reference)

    assert is_same_contract(remote, mission()) is is_same


# ------------------------------------------------------------------------------------------------------------- readings


def test_a_reading_is_the_state_with_the_instant_it_was_read() -> None:
    before = linked(FRESH, at=AN_HOUR_AGO, reread_wanted=True, is_missing_remotely=True)

    same = observe(before, FRESH, now=NOW)
    other = observe(before, COMPLETED, now=NOW)

    assert (same.remote_read_at, same.status_since) == (NOW, AN_HOUR_AGO)
    assert (same.reread_wanted, same.is_missing_remotely) == (False, False)
    assert (other.remote, other.status_since) == (COMPLETED, NOW)
    assert unchanged(before, now=NOW) == replace(same, status_since=AN_HOUR_AGO)


def test_who_is_awaited_since_when_follows_the_parts() -> None:
    fresh = linked(FRESH, at=AN_HOUR_AGO)
    student_done = observe(fresh, STUDENT_DONE, now=NOW)
    still_so = observe(student_done, STUDENT_DONE, now=NOW + HOUR)
    completed = observe(still_so, COMPLETED, now=NOW + HOUR)

    def since(facts: Facts) -> tuple[object, object]:
        return facts.student_awaited_since, facts.company_awaited_since

    assert [since(facts) for facts in (fresh, observe(fresh, FRESH, now=NOW), student_done, still_so, completed)] == [
        (AN_HOUR_AGO, None), (AN_HOUR_AGO, None), (None, NOW), (None, NOW), (None, None),
    ]  # fmt: skip


def test_a_reopening_begins_anew_and_is_counted_once() -> None:
    before = linked(generated(*pair()), document_fault="cut", document_fault_of=CERFA, closed_reason="abandon")
    reopened = contract("reopened", student=TODO, company=DONE)

    once = observe(before, reopened, now=NOW + HOUR)
    twice = observe(once, reopened, now=NOW + 2 * HOUR)

    assert (once.reopenings, once.student_awaited_since) == (1, NOW + HOUR)
    assert (once.document_fault, once.closed_reason) == (None, None)
    assert (twice.reopenings, twice.student_awaited_since) == (1, NOW + HOUR)


def test_q03_a_reopening_that_was_missed_is_seen_by_what_came_after_it() -> None:
    refilled = observe(linked(generated(*pair(), status="signed")), STUDENT_DONE, now=NOW)
    after_a_refusal = observe(linked(contract("refused")), STUDENT_DONE, now=NOW)
    no_longer_cancelled = observe(linked(contract("cancelled"), closed_reason="abandon"), generated(), now=NOW)

    assert [f.reopenings for f in (refilled, after_a_refusal, no_longer_cancelled)] == [1, 1, 1]
    assert no_longer_cancelled.closed_reason is None


@pytest.mark.parametrize(
    ("before", "after"),
    [("initialised", "in_progress"), ("in_progress", "completed"), ("scellé", "in_progress"),
     ("completed", "generated"),
     ("refused", "generated"), ("generated", "cancelled"), ("reopened", "in_progress"), ("generated", "scellé")],
)  # fmt: skip
def test_any_other_change_is_no_reopening(before: str, after: str) -> None:
    assert observe(linked(contract(before), reopenings=0), contract(after), now=NOW).reopenings == 0


def test_a_contract_that_cactus_forgot_is_missing_until_it_is_read_again() -> None:
    lost = missing(linked(FRESH, reread_wanted=True, attempts=2), now=NOW + HOUR)

    assert (lost.is_missing_remotely, lost.remote_read_at, lost.reread_wanted, lost.attempts) == (
        True, NOW + HOUR, False, 0,
    )  # fmt: skip
    assert not observe(lost, FRESH, now=NOW).is_missing_remotely


# ------------------------------------------------------------------------------------------------------------ documents


def test_p07_a_newer_document_leaves_the_older_one_superseded() -> None:
    old, convention = stored(*pair())
    (new,) = stored(offered(CERFA, 2))

    facts = store_document(linked(generated(), documents=(old, convention)), new, now=NOW)

    assert facts.documents == (replace(old, superseded_at=NOW), convention, new)
    assert (facts.current_document(CERFA), facts.current_document(CONVENTION)) == (new, convention)


def test_a_fault_is_forgotten_with_a_good_document_of_its_kind() -> None:
    bad = reject_document(linked(generated(*pair())), CERFA, "hash_mismatch")
    cerfa, convention = stored(*pair())

    assert store_document(bad, convention, now=NOW).document_fault == "hash_mismatch"
    assert store_document(bad, cerfa, now=NOW).document_fault is None


def test_superseded_documents_are_kept_and_superseded_once() -> None:
    old, convention = stored(*pair())
    facts = linked(FRESH, documents=(replace(old, superseded_at=AN_HOUR_AGO), convention))

    after = supersede(facts, (convention,), now=NOW)

    assert [document.superseded_at for document in after.documents] == [AN_HOUR_AGO, NOW]


# -------------------------------------------------------------------------------------------------------------- letters


def test_i05_letters_are_queued_and_a_decision_counts_as_sent() -> None:
    letters = (Letter(event=Event.DECISION_FAVOURABLE, role=Role.STUDENT, cause="c"),)

    told = announce(known(), Announce(letters=letters), now=NOW)
    decided = announce(known(), Announce(letters=letters, decides=True), now=NOW)

    assert [(n.event, n.role, n.cause, n.state) for n in told.notifications] == [
        (Event.DECISION_FAVOURABLE, Role.STUDENT, "c", NotificationState.QUEUED)
    ]
    assert (told.decided_at, told.baseline) == (None, None)
    assert (decided.decided_at, decided.baseline) == (NOW, mission())


# ------------------------------------------------------------------------------------------------------------- attempts


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (10_000, 3600)]
)
def test_delays_double_up_to_the_longest(attempts: int, seconds: int) -> None:
    assert delay_after(attempts, PATIENCE, throw=1.0) == seconds * SECOND
    assert delay_after(attempts, PATIENCE, throw=0.0) == seconds * SECOND / 2


def test_a_failure_waits_at_least_as_long_as_it_was_asked_to() -> None:
    once = failed(known(), "down", now=NOW, patience=PATIENCE, throw=1.0)
    asked_to_wait = failed(once, "slow", now=NOW, patience=PATIENCE, throw=1.0, retry_after=HOUR)

    assert (once.attempts, once.last_error, once.not_before) == (1, "down", NOW + 5 * SECOND)
    assert (asked_to_wait.attempts, asked_to_wait.not_before) == (2, NOW + HOUR)
    assert succeeded(asked_to_wait) == known()
