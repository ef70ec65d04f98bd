"""What a person should know although nothing waits for it, each at its boundary."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from syncd.cautions import is_late_request, warnings_of
from syncd.model import Campaigns, Facts, Policy, WarningCode
from tests.support.facts import (
    COMPLETED,
    FRESH,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    contract,
    generated,
    known,
    linked,
    mission,
    paris_noon,
)


def warned(facts: Facts, *, now: datetime = NOW, policy: Policy = POLICY) -> list[WarningCode]:
    """Return the codes of all warnings, and see that each has a sentence."""
    warnings = warnings_of(facts, now=now, policy=policy)
    assert all(warning.message.endswith((".", "urgent.", "signaler.")) for warning in warnings)
    return [warning.code for warning in warnings]


def test_nothing_is_to_be_said_of_the_mission_of_these_tests() -> None:
    assert warned(known()) == []


@pytest.mark.parametrize(
    ("submitted_at", "is_late"),
    [
        (datetime(2025, 8, 31, 21, 59, tzinfo=UTC), False),  # still 31 August in Paris: 15 days before 15 September
        (datetime(2025, 8, 31, 22, 0, tzinfo=UTC), True),  # 1 September in Paris: 14 days
        (datetime(2025, 9, 20, 8, 0, tzinfo=UTC), True),
        (datetime(2025, 5, 20, 8, 0, tzinfo=UTC), False),
    ],
)
def test_a_request_less_than_15_paris_days_before_the_start_is_late(submitted_at: datetime, is_late: bool) -> None:
    row = mission(submitted_at=submitted_at)

    assert is_late_request(row, POLICY) is is_late
    assert (WarningCode.LATE_REQUEST in warned(known(row))) is is_late


def test_winter_days_begin_an_hour_later_in_utc() -> None:
    start = date(2025, 11, 1)

    def is_late(hour: int, minute: int) -> bool:
        asked_at = datetime(2025, 10, 16, hour, minute, tzinfo=UTC)
        return is_late_request(mission(contract_starts_on=start + timedelta(days=30), submitted_at=asked_at), POLICY)

    assert not is_late(21, 59)
    november = mission(contract_starts_on=date(2025, 11, 30), submitted_at=datetime(2025, 11, 15, 22, 59, tzinfo=UTC))
    assert not is_late_request(november, POLICY)
    assert is_late_request(replace(november, submitted_at=datetime(2025, 11, 15, 23, 0, tzinfo=UTC)), POLICY)


def test_without_the_student_s_request_the_validation_counts() -> None:
    validated_late = mission(submitted_at=None, validated_at=datetime(2025, 9, 5, 8, tzinfo=UTC))

    assert is_late_request(validated_late, POLICY)
    assert not is_late_request(replace(validated_late, validated_at=None), POLICY)
    assert not is_late_request(replace(validated_late, contract_starts_on=None), POLICY)


def test_lateness_is_decided_once_whatever_the_day() -> None:
    facts = known(mission(submitted_at=datetime(2025, 9, 5, 8, tzinfo=UTC)))

    assert all(WarningCode.LATE_REQUEST in warned(facts, now=NOW + timedelta(days=days)) for days in (0, 90, 400))


@pytest.mark.parametrize(("today", "is_past"), [(date(2025, 9, 15), False), (date(2025, 9, 16), True)])
def test_a_start_in_the_past_is_told_until_something_is_sent(today: date, is_past: bool) -> None:
    now = paris_noon(today)

    assert (WarningCode.START_IN_PAST in warned(known(), now=now)) is is_past
    assert WarningCode.START_IN_PAST not in warned(linked(FRESH), now=now)


@pytest.mark.parametrize(
    ("text", "is_short"), [(None, True), ("", True), ("x" * 39, True), ("x" * 40, False)], ids=["none", "0", "39", "40"]
)
def test_a_short_description_is_told(text: str | None, is_short: bool) -> None:
    assert (WarningCode.MISSION_TEXT_SHORT in warned(known(mission(mission_description=text)))) is is_short


@pytest.mark.parametrize(
    ("start", "today", "is_near"),
    [
        (date(2025, 11, 1), date(2025, 11, 1), False),  # a Saturday and a holiday; the deadline is 7 November
        (date(2025, 11, 1), date(2025, 11, 2), True),
        (date(2025, 11, 1), date(2025, 12, 24), True),  # it has passed, and nobody filed
        (date(2025, 9, 15), date(2025, 9, 14), False),  # the deadline is Saturday 20 September
        (date(2025, 9, 15), date(2025, 9, 15), True),
    ],
)
def test_the_opco_s_deadline_is_told_five_days_before(start: date, today: date, is_near: bool) -> None:
    facts = linked(FRESH, row=mission(contract_starts_on=start), baseline=None)

    assert (WarningCode.FILING_DEADLINE_NEAR in warned(facts, now=paris_noon(today))) is is_near


@pytest.mark.parametrize(
    ("status", "is_near"), [("generated", True), ("signed", True), ("transmitted", False), ("filed", False)]
)
def test_what_the_opco_has_is_near_no_deadline(status: str, is_near: bool) -> None:
    codes = warned(linked(generated(status=status)), now=paris_noon(date(2025, 9, 18)))

    assert (WarningCode.FILING_DEADLINE_NEAR in codes) is is_near


def test_professionalisation_has_no_deadline_here() -> None:
    assert WarningCode.FILING_DEADLINE_NEAR not in warned(
        known(PROFESSIONNALISATION), now=paris_noon(date(2025, 9, 18))
    )


def test_a_mistyped_first_day_of_the_calendar_breaks_nothing() -> None:
    policy = replace(POLICY, filing_notice_days=60)

    codes = warned(known(mission(contract_starts_on=date.min)), policy=policy)

    assert WarningCode.FILING_DEADLINE_NEAR in codes


@pytest.mark.parametrize(
    ("start", "training", "is_far"),
    [
        (date(2025, 6, 1), date(2025, 9, 1), False),
        (date(2025, 5, 31), date(2025, 9, 1), True),
        (date(2025, 6, 1), None, False),  # the campaign's: 1 September
        (date(2025, 5, 31), None, True),
    ],
)
def test_training_begins_within_three_months_of_the_contract(start: date, training: date | None, is_far: bool) -> None:
    row = mission(contract_starts_on=start, training_starts_on=training, submitted_at=NOW - timedelta(days=60))

    assert (WarningCode.TRAINING_START_FAR in warned(known(row), now=NOW - timedelta(days=20))) is is_far


def test_a_training_of_no_campaign_is_far_from_nothing() -> None:
    row = mission(academic_year="2025", training_starts_on=None, contract_starts_on=date(2025, 5, 20))

    assert WarningCode.TRAINING_START_FAR not in warned(known(row), policy=replace(POLICY, campaigns=Campaigns()))


def test_no_start_no_deadlines() -> None:
    assert warned(known(mission(contract_starts_on=None)), now=NOW + timedelta(days=400)) == []


def test_an_unknown_word_of_cactus_is_alerted() -> None:
    (warning,) = warnings_of(linked(contract("scellé")), now=NOW, policy=POLICY)

    assert (warning.code, "scellé" in warning.message) == (WarningCode.REMOTE_STATUS_UNKNOWN, True)


@pytest.mark.parametrize(("days", "is_slow"), [(7, False), (8, True)])
def test_a_generation_that_takes_long_is_alerted(days: int, is_slow: bool) -> None:
    since = NOW - timedelta(days=days)

    assert (WarningCode.GENERATION_SLOW in warned(linked(COMPLETED, status_since=since))) is is_slow
    assert WarningCode.GENERATION_SLOW not in warned(linked(FRESH, status_since=since))
    assert WarningCode.GENERATION_SLOW not in warned(linked(COMPLETED, status_since=None))


def test_what_is_over_is_warned_of_nothing() -> None:
    assert warned(linked(contract("terminated"), row=mission(mission_description=None)), now=NOW + timedelta(400)) == []
