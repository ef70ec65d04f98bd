"""May this mission go ahead? Every reason against it, each alone at its boundary, and all of them together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from syncd.admission import campaign_opening, holds_of, is_active
from syncd.model import Asked, Campaign, CampaignPattern, Campaigns, Facts, HoldCode, Mission, Policy, Step
from syncd.procedure import visible_step
from tests.support.facts import (
    AN_HOUR_AGO,
    FRESH,
    INVALID,
    MUTE,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    WITHDRAWN,
    asked,
    contract,
    known,
    linked,
    mission,
    rival,
)

Hold = tuple[HoldCode, str | None]


def reasons(facts: Facts, *, now: datetime = NOW, policy: Policy = POLICY) -> list[Hold]:
    """Return code and field of every hold, and see that each has a sentence."""
    holds = holds_of(facts, now=now, policy=policy)
    assert all(hold.message.rstrip(" .") and hold.message[0].isupper() for hold in holds), "each has a French sentence"
    return [(hold.code, hold.field) for hold in holds]


def test_nothing_speaks_against_the_mission_of_these_tests() -> None:
    assert reasons(known()) == []


# ------------------------------------------------------------------------------------------------- one reason at a time

ALONE: list[tuple[Mission, HoldCode, str]] = [
    (mission(status="draft"), HoldCode.MISSION_NOT_VALIDATED, "status"),
    (mission(status=""), HoldCode.MISSION_NOT_VALIDATED, "status"),
    (mission(contract_starts_on=None), HoldCode.DATES_MISSING, "contract_starts_on"),
    (mission(contract_ends_on=None), HoldCode.DATES_MISSING, "contract_ends_on"),
    (mission(admission_confirmed=False), HoldCode.ADMISSION_PENDING, "admission_confirmed"),
    (mission(admission_confirmed=None), HoldCode.ADMISSION_PENDING, "admission_confirmed"),
    (mission(student_email=None), HoldCode.STUDENT_EMAIL_INVALID, "student_email"),
    (mission(student_email="zoe@"), HoldCode.STUDENT_EMAIL_INVALID, "student_email"),
    (mission(hr_contact_name=None), HoldCode.HR_CONTACT_MISSING, "hr_contact_name"),
    (mission(hr_contact_email=None), HoldCode.HR_CONTACT_MISSING, "hr_contact_email"),
    (mission(hr_contact_email="rh, paie@example.com"), HoldCode.HR_EMAIL_INVALID, "hr_contact_email"),
    (mission(hr_contact_email="Jerome.LEFEVRE@example.org"), HoldCode.HR_EMAIL_EQUALS_STUDENT, "hr_contact_email"),
    (mission(mentor_name=None), HoldCode.MENTOR_MISSING, "mentor_name"),
    (mission(company_siret=None), HoldCode.SIRET_INVALID, "company_siret"),
    (mission(company_siret="12345678200011"), HoldCode.SIRET_INVALID, "company_siret"),
    (mission(campus="nice"), HoldCode.CAMPUS_UNKNOWN, "campus"),
    *(
        (mission(**{name: None}), HoldCode.FIELD_MISSING, name)
        for name in (
            "validated_at", "track", "academic_year", "programme", "level", "campus", "student_number",
            "student_last_name", "student_first_name", "company_name", "mission_title",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("row", "code", "field"), ALONE, ids=lambda value: value if isinstance(value, str) else "")
def test_each_reason_is_told_alone_with_its_field(row: Mission, code: HoldCode, field: str) -> None:
    assert reasons(known(row)) == [(code, field)]


@pytest.mark.parametrize("optional", ["mentor_email", "mission_description", "validated_by", "submitted_at"])
def test_what_may_be_empty_holds_nobody(optional: str) -> None:
    assert reasons(known(mission(**{optional: None}))) == []


def test_the_programmes_list_accepts_any_when_it_is_empty() -> None:
    listed = replace(POLICY, programmes=frozenset({"M1 MIAGE"}))

    assert reasons(known(), policy=POLICY) == []
    assert reasons(known(), policy=listed) == [(HoldCode.PROGRAMME_UNKNOWN, "programme")]
    assert reasons(known(mission(programme="M1 MIAGE")), policy=listed) == []


@pytest.mark.parametrize(
    "year", ["2025-2027", "2025", "2025/2026", "25-26", "２０２５-2026", "2025-2026 ", "1999-2000"]
)
def test_an_academic_year_that_is_none_is_told(year: str) -> None:
    assert reasons(known(mission(academic_year=year))) == [(HoldCode.CAMPAIGN_UNKNOWN, "academic_year")]


def test_all_reasons_are_told_at_once() -> None:
    row = mission(
        status="draft", contract_starts_on=date(2025, 11, 2), contract_ends_on=date(2026, 8, 30),
        admission_confirmed=False, student_email="x", hr_contact_email="X", mentor_name=None, company_siret="1",
        campus="nice", programme="?", company_name=None, unsafe=("student_last_name",), student_last_name=None,
        unreadable=("mission_title",), mission_title=None,
    )  # fmt: skip
    policy = replace(POLICY, programmes=frozenset({"M1"}), since=date(2025, 7, 1))
    facts = known(row, manual_hold="à vérifier", quarantined=True, rivals=(rival(1),))

    told = reasons(facts, now=datetime(2025, 5, 1, tzinfo=UTC), policy=policy)

    assert [code for code, _ in told] == [
        HoldCode.MISSION_NOT_VALIDATED, HoldCode.OUT_OF_SCOPE, HoldCode.ADMISSION_PENDING, HoldCode.CAMPAIGN_NOT_OPEN,
        HoldCode.START_TOO_LATE, HoldCode.END_BEFORE_TRAINING_END, HoldCode.STUDENT_EMAIL_INVALID,
        HoldCode.HR_EMAIL_INVALID, HoldCode.HR_EMAIL_EQUALS_STUDENT, HoldCode.MENTOR_MISSING, HoldCode.SIRET_INVALID,
        HoldCode.PROGRAMME_UNKNOWN, HoldCode.CAMPUS_UNKNOWN, HoldCode.FIELD_MISSING, HoldCode.FIELD_UNSAFE,
        HoldCode.ROW_UNREADABLE, HoldCode.MANUAL_HOLD, HoldCode.QUARANTINED,
    ]  # fmt: skip


READABLE = [
    "contract_starts_on", "contract_ends_on", "admission_confirmed", "student_email", "hr_contact_name",
    "hr_contact_email", "mentor_name", "company_siret", "campus", "academic_year", "student_number", "track",
    "validated_at", "training_ends_on",
]  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
def test_q09_what_cannot_be_read_is_told_once(name: str) -> None:
    assert reasons(known(mission(**{name: None, "unreadable": (name,)}))) == [(HoldCode.ROW_UNREADABLE, name)]


@pytest.mark.parametrize("name", ["student_last_name", "student_email", "company_siret", "hr_contact_email", "campus"])
def test_q09_what_is_unsafe_is_told_once(name: str) -> None:
    assert reasons(known(mission(**{name: None, "unsafe": (name,)}))) == [(HoldCode.FIELD_UNSAFE, name)]


# ----------------------------------------------------------------------------------------------------- the dates' edges


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (date(2025, 5, 14), HoldCode.START_TOO_EARLY),
        (date(2025, 5, 15), None),
        (date(2025, 6, 1), None),  # before today and before the training starts: fine
        (date(2025, 11, 1), None),
        (date(2025, 11, 2), HoldCode.START_TOO_LATE),
        (date(2026, 9, 1), HoldCode.START_TOO_LATE),
    ],
)
def test_a_contract_starts_between_the_opening_and_the_first_of_november(
    start: date, expected: HoldCode | None
) -> None:
    told = reasons(known(mission(contract_starts_on=start)))

    assert told == ([(expected, "contract_starts_on")] if expected is not None else [])


@pytest.mark.parametrize(
    ("training_ends_on", "end", "expected"),
    [
        (date(2026, 8, 31), date(2026, 8, 30), HoldCode.END_BEFORE_TRAINING_END),
        (date(2026, 8, 31), date(2026, 8, 31), None),
        (date(2026, 8, 31), date(2026, 10, 31), None),
        (date(2026, 8, 31), date(2026, 11, 1), HoldCode.END_TOO_LATE),
        (date(2026, 6, 30), date(2026, 6, 30), None),
        (date(2026, 6, 30), date(2026, 8, 30), None),
        (date(2026, 6, 30), date(2026, 8, 31), HoldCode.END_TOO_LATE),
        (date(2025, 12, 31), date(2026, 2, 28), None),
        (date(2025, 12, 31), date(2026, 3, 1), HoldCode.END_TOO_LATE),
        (None, date(2026, 8, 30), HoldCode.END_BEFORE_TRAINING_END),  # the campaign's: 31 August
        (None, date(2026, 10, 31), None),
        (None, date(2026, 11, 1), HoldCode.END_TOO_LATE),
    ],
)
def test_a_contract_ends_within_two_months_after_the_training(
    training_ends_on: date | None, end: date, expected: HoldCode | None
) -> None:
    told = reasons(known(mission(training_ends_on=training_ends_on, contract_ends_on=end)))

    assert told == ([(expected, "contract_ends_on")] if expected is not None else [])


def test_a_programme_may_end_on_a_day_of_its_own() -> None:
    campaign = Campaign(
        academic_year="2025-2026", validation_opens_on=date(2025, 5, 15), earliest_start=date(2025, 7, 1),
        latest_start=date(2025, 11, 1), training_starts_on=date(2025, 9, 1), training_ends_on=date(2026, 8, 31),
        training_ends_per_programme={"M2 MIAGE ID2I": date(2026, 9, 30)},
    )  # fmt: skip
    policy = replace(POLICY, campaigns=Campaigns(configured={"2025-2026": campaign}))
    row = mission(training_ends_on=None, contract_starts_on=date(2025, 6, 30), contract_ends_on=date(2026, 9, 29))

    assert reasons(known(row), policy=policy) == [
        (HoldCode.START_TOO_EARLY, "contract_starts_on"), (HoldCode.END_BEFORE_TRAINING_END, "contract_ends_on"),
    ]  # fmt: skip


def test_the_earliest_start_of_the_pattern_may_differ_from_the_opening() -> None:
    policy = replace(POLICY, campaigns=Campaigns(pattern=CampaignPattern(earliest_start=(0, 9, 16))))

    assert reasons(known(), policy=policy) == [(HoldCode.START_TOO_EARLY, "contract_starts_on")]


def test_a_campaign_opens_at_midnight_in_paris() -> None:
    facts = known()
    midnight = datetime(2025, 5, 14, 22, 0, tzinfo=UTC)
    just_before = midnight - timedelta(microseconds=1)

    assert reasons(facts, now=just_before) == [(HoldCode.CAMPAIGN_NOT_OPEN, "academic_year")]
    assert campaign_opening(facts.mission, now=just_before, policy=POLICY) == midnight
    assert reasons(facts, now=midnight) == []
    assert campaign_opening(facts.mission, now=midnight, policy=POLICY) is None


def test_no_calendar_opens_an_academic_year_that_is_none() -> None:
    assert campaign_opening(mission(academic_year="2025"), now=NOW, policy=POLICY) is None


@pytest.mark.parametrize(
    ("since", "is_out"),
    [(None, False), (date(2025, 6, 2), False), (date(2025, 6, 3), True)],
)
def test_missions_validated_before_this_installation_starts_are_out_of_scope(since: date | None, is_out: bool) -> None:
    policy = replace(POLICY, since=since)  # validated on 2 June 2025

    assert reasons(known(), policy=policy) == ([(HoldCode.OUT_OF_SCOPE, "validated_at")] if is_out else [])
    assert reasons(known(scope_waived=True), policy=policy) == []


def test_the_day_of_the_validation_is_paris_s() -> None:
    row = mission(validated_at=datetime(2025, 6, 2, 22, 0, tzinfo=UTC))

    assert reasons(known(row), policy=replace(POLICY, since=date(2025, 6, 3))) == []


# -------------------------------------------------------------------------------------------------------- after sending

AFTER: list[tuple[str, Facts, Sequence[Hold]]] = [
    ("nothing happened since", linked(FRESH), []),
    ("no date and no data holds what was sent", linked(FRESH, row=INVALID, baseline=INVALID), []),
    ("withdrawn", linked(FRESH, row=WITHDRAWN), [(HoldCode.MISSION_WITHDRAWN, "status")]),
    ("withdrawn and released", linked(FRESH, row=WITHDRAWN, baseline=WITHDRAWN), []),
    ("gone from two sweeps", linked(FRESH, sweeps_missed=2), [(HoldCode.MISSION_WITHDRAWN, "status")]),
    ("gone from one sweep", linked(FRESH, sweeps_missed=1), []),
    ("gone and released", linked(FRESH, sweeps_missed=2, baseline_is_gone=True), []),
    ("in preparation again", linked(FRESH, row=mission(status="draft")), [(HoldCode.MISSION_NOT_VALIDATED, "status")]),
    ("in preparation again and released", linked(
        FRESH, row=mission(status="draft"), baseline=mission(status="draft")), []),
    ("two values changed", linked(FRESH, row=mission(campus="marseille", mission_title="Autre")), [
        (HoldCode.MISSION_CHANGED_SINCE_VALIDATION, "campus"),
        (HoldCode.MISSION_CHANGED_SINCE_VALIDATION, "mission_title")]),
    ("what nobody was sent may change", linked(
        FRESH, row=mission(updated_at=NOW, submitted_at=None, admission_confirmed=False, validated_by="autre")), []),
    ("changed, but never compared", linked(FRESH, row=INVALID, baseline=None), []),
    ("changed after the decision", known(mission(), decided_at=NOW, baseline=PROFESSIONNALISATION), [
        (HoldCode.MISSION_CHANGED_SINCE_VALIDATION, "track")]),
    ("refused by the CFA", linked(contract("refused", reason="IDCC")), [(HoldCode.REMOTE_REFUSED, "cactus")]),
    ("refused at the request", asked(Asked.REFUSED), [(HoldCode.REMOTE_REFUSED, "cactus")]),
    ("in conflict", asked(Asked.CONFLICT), [(HoldCode.REMOTE_CONFLICT, "cactus")]),
    ("unknown to CACTUS", linked(FRESH, is_missing_remotely=True), [(HoldCode.REMOTE_MISSING, "cactus")]),
    ("a bad document", linked(FRESH, document_fault="hash_mismatch"), [(HoldCode.DOCUMENT_INVALID, "documents")]),
    ("by hand", linked(FRESH, manual_hold="non"), [(HoldCode.MANUAL_HOLD, None)]),
    ("in quarantine", linked(FRESH, quarantined=True), [(HoldCode.QUARANTINED, None)]),
    ("an unknown outcome that can be looked up", asked(Asked.UNKNOWN), []),
    ("everything at once", linked(
        contract("refused"), row=replace(INVALID, status="withdrawn"), is_missing_remotely=True, document_fault="x",
        manual_hold="non", quarantined=True), [
        (HoldCode.MISSION_WITHDRAWN, "status"), (HoldCode.MISSION_CHANGED_SINCE_VALIDATION, "company_siret"),
        (HoldCode.REMOTE_REFUSED, "cactus"), (HoldCode.REMOTE_MISSING, "cactus"),
        (HoldCode.DOCUMENT_INVALID, "documents"), (HoldCode.MANUAL_HOLD, None), (HoldCode.QUARANTINED, None)]),
    ("over: nothing holds it any more", linked(contract("cancelled"), manual_hold="non"), []),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "facts", "expected"), AFTER, ids=[row[0] for row in AFTER])
def test_after_sending_only_what_happened_since_holds(situation: str, facts: Facts, expected: Sequence[Hold]) -> None:
    assert reasons(facts) == expected


@pytest.mark.parametrize("outcome", [Asked.UNKNOWN, Asked.UNDER_WAY])
def test_an_outcome_that_nobody_can_find_out_is_a_question_to_a_person(outcome: Asked) -> None:
    question = [(HoldCode.REMOTE_OUTCOME_UNKNOWN, "cactus")]

    assert reasons(asked(outcome), policy=MUTE) == question
    assert reasons(linked(FRESH, asked=outcome), policy=MUTE) == []


def test_the_remote_s_reason_is_told() -> None:
    (hold,) = holds_of(linked(contract("refused", reason="Convention collective manquante")), now=NOW, policy=POLICY)

    assert "Convention collective manquante" in hold.message


# ---------------------------------------------------------------------------------------------------------- one student

BLOCKED = [(HoldCode.DUPLICATE_ACTIVE_CONTRACT, "student_number")]
RIVALS: list[tuple[str, Facts, Sequence[Hold]]] = [
    ("validated before it", rival(99, days=-1), BLOCKED),
    ("validated after it", rival(1, days=1), []),
    ("validated at the same instant, by a smaller id", rival(1, days=0), BLOCKED),
    ("validated at the same instant, by a greater id", rival(99, days=0), []),
    ("validated after it, but sent", rival(99, days=1, asked=Asked.UNKNOWN, asked_at=NOW), BLOCKED),
    ("sent and held since", rival(99, days=1, contract_id="C-9", manual_hold="non"), BLOCKED),
    ("validated before it, but held before sending", rival(1, manual_hold="non"), []),
    ("withdrawn", replace(rival(1), mission=replace(rival(1).mission, status="withdrawn")), []),
    ("withdrawn after sending", replace(
        rival(1, contract_id="C-9"), mission=replace(rival(1).mission, status="withdrawn")), []),
    ("gone from the store", rival(1, sweeps_missed=2), []),
    ("refused at the request", rival(1, asked=Asked.REFUSED, asked_at=NOW), []),
    ("refused by the CFA", rival(1, contract_id="C-9", remote=contract("refused")), []),
    ("cancelled in CACTUS", rival(1, contract_id="C-9", remote=contract("cancelled")), []),
    ("terminated in CACTUS", rival(1, contract_id="C-9", remote=contract("terminated")), []),
    ("cancelled by an admin", rival(1, closed_reason="abandon"), []),
    ("of the other track", replace(rival(1), mission=replace(rival(1).mission, track=PROFESSIONNALISATION.track)),
        BLOCKED),
]  # fmt: skip


@pytest.mark.parametrize(("other", "facts", "expected"), RIVALS, ids=[row[0] for row in RIVALS])
def test_another_mission_of_the_student_in_the_year(other: str, facts: Facts, expected: Sequence[Hold]) -> None:
    assert reasons(known(rivals=(facts,))) == expected


def test_every_rival_in_the_way_is_named() -> None:
    holds = holds_of(known(rivals=(rival(1), rival(2), rival(99, days=1))), now=NOW, policy=POLICY)

    assert ["FVMA-2025-0001" in holds[0].message, "FVMA-2025-0002" in holds[1].message, len(holds)] == [True, True, 2]


def test_what_is_sent_already_is_held_by_no_rival() -> None:
    assert reasons(linked(FRESH, rivals=(rival(1, contract_id="C-9"),))) == []


def test_who_takes_the_student_s_place() -> None:
    def takes(facts: Facts) -> bool:
        return is_active(facts, now=NOW, policy=POLICY)

    assert [takes(known()), takes(linked(FRESH)), takes(linked(FRESH, manual_hold="non"))] == [True, True, True]
    assert [takes(known(INVALID)), takes(known(WITHDRAWN)), takes(linked(contract("closed")))] == [False, False, False]


# ---------------------------------------------------------------------------------------------------------- small words


def test_a_hold_is_what_people_see_as_held() -> None:
    for situation, facts, expected in AFTER:
        is_held = visible_step(facts, now=NOW, policy=POLICY) is Step.HELD
        assert is_held is bool(expected), situation


def test_a_mission_asked_in_vain_is_free_again() -> None:
    facts = asked(Asked.NOT_APPLIED, at=AN_HOUR_AGO, row=INVALID)

    assert reasons(facts) == [(HoldCode.SIRET_INVALID, "company_siret")]
