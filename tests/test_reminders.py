"""When a late part is recalled to its holder: after 5, 10 and 15 days, in working hours unless it is urgent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from syncd.model import Event, Facts, ReminderPolicy, RemoteContract, Role
from syncd.reminders import Due, Later, is_start_near, next_reminder
from tests.support.facts import (
    COMPLETED,
    DONE,
    FRESH,
    INITIALISED,
    POLICY,
    STUDENT_DONE,
    TURN_OF_THE_COMPANY,
    contract,
    generated,
    known,
    linked,
    mission,
    said,
)

PARIS = ZoneInfo("Europe/Paris")
STUDENT, COMPANY = Event.STUDENT_PART_REMINDER, Event.COMPANY_PART_REMINDER
TUESDAY = datetime(2025, 6, 10, 10, 0, tzinfo=PARIS)
"""The part is awaited since then."""


def paris(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of 2025 in Paris."""
    return datetime(2025, month, day, hour, minute, tzinfo=PARIS)


def awaited(remote: RemoteContract = FRESH, *, since: datetime = TUESDAY, start: date = date(2025, 9, 15)) -> Facts:
    """Return a contract somebody is awaited for."""
    row = mission(contract_starts_on=start)
    facts = linked(remote, at=since.astimezone(UTC), row=row, baseline=row)
    return replace(facts, notifications=(*INITIALISED, *TURN_OF_THE_COMPANY))


def reminded(facts: Facts, *instants: datetime, event: Event = STUDENT, role: Role = Role.STUDENT) -> Facts:
    """Return the facts after reminders at these instants."""
    for number, at in enumerate(instants, start=1):
        letters = said(event, role, cause=f"0.{number}", at=at.astimezone(UTC))
        facts = replace(facts, notifications=(*facts.notifications, *letters))
    return facts


def due(number: int, event: Event = STUDENT) -> Due:
    """Return what is due."""
    return Due(event=event, cause=f"0.{number}")


def at(instant: datetime) -> Later:
    """Return the next moment."""
    return Later(at=instant.astimezone(UTC))


def answer(facts: Facts, now: datetime) -> Due | Later | None:
    """Ask."""
    return next_reminder(facts, now=now.astimezone(UTC), policy=POLICY)


FIVE_DAYS = [
    ("the day after", awaited(), paris(6, 11, 10), at(paris(6, 16, 8))),  # the fifth day is a Sunday
    ("the fifth day, a Sunday", awaited(), paris(6, 15, 10), at(paris(6, 16, 8))),
    ("Monday before eight", awaited(), paris(6, 16, 7, 59), at(paris(6, 16, 8))),
    ("Monday at eight", awaited(), paris(6, 16, 8), due(1)),
    ("said on Monday: the tenth day counts from the beginning", reminded(awaited(), paris(6, 16, 8)), paris(6, 16, 9),
        at(paris(6, 20, 10))),
    ("the tenth day", reminded(awaited(), paris(6, 16, 8)), paris(6, 20, 10), due(2)),
    ("the fifteenth day", reminded(awaited(), paris(6, 16, 8), paris(6, 20, 10)), paris(6, 25, 10), due(3)),
    ("said three times", reminded(awaited(), paris(6, 16, 8), paris(6, 20, 10), paris(6, 25, 10)), paris(7, 30, 10),
        None),
    ("the company, five days after the student", awaited(STUDENT_DONE), paris(6, 16, 10), due(1, COMPANY)),
    ("the company is done first: the student is late", awaited(contract("in_progress", company=DONE)),
        paris(6, 16, 10), due(1)),
    ("held for twenty days: one reminder, not three", awaited(), paris(7, 1, 10), due(1)),
    ("that one stood for all three", reminded(awaited(), paris(7, 1, 10)), paris(7, 30, 10), None),
    ("one of the twelfth day stands for two", reminded(awaited(), paris(6, 23, 10)), paris(6, 23, 11),
        at(paris(6, 25, 10))),
]  # fmt: skip


@pytest.mark.parametrize(("when", "facts", "now", "expected"), FIVE_DAYS, ids=[row[0] for row in FIVE_DAYS])
def test_a_late_part_is_recalled_after_5_10_and_15_days(
    when: str, facts: Facts, now: datetime, expected: Due | Later | None
) -> None:
    assert answer(facts, now) == expected


QUIET = [
    ("at night", paris(6, 3, 21), at(paris(6, 10, 8)), paris(6, 9, 12)),  # 8 June is Pentecost Sunday, 9 its Monday
    ("on Bastille Day", paris(7, 9, 10), at(paris(7, 15, 8)), paris(7, 14, 10)),
    ("at a weekend", paris(6, 23, 10), at(paris(6, 30, 8)), paris(6, 28, 10)),
    ("at seven in the evening sharp", paris(6, 13, 19), at(paris(6, 19, 8)), paris(6, 18, 19)),
    ("at one minute to seven", paris(6, 13, 18, 59), due(1), paris(6, 18, 18, 59)),
    ("after the clocks went back", paris(10, 22, 7, 30), at(paris(10, 27, 8)), paris(10, 27, 7, 30)),
    ("the night that has an hour twice", paris(10, 21, 2, 30), at(paris(10, 27, 8)), paris(10, 26, 2, 30)),
]


@pytest.mark.parametrize(("when", "since", "expected", "now"), QUIET, ids=[row[0] for row in QUIET])
def test_nobody_is_reminded_at_night_or_on_a_day_off(
    when: str, since: datetime, expected: Due | Later, now: datetime
) -> None:
    far = awaited(since=since, start=date(2025, 12, 31))

    assert answer(far, now) == expected


def test_the_night_that_lacks_an_hour_is_quiet_too() -> None:
    since = datetime(2026, 3, 24, 1, 30, tzinfo=UTC)
    facts = awaited(since=since, start=date(2026, 6, 1))

    expected = at(datetime(2026, 3, 30, 8, 0, tzinfo=PARIS))
    assert answer(facts, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == expected


URGENT = [
    ("the second day, be it a Sunday night", reminded(awaited(since=paris(9, 12, 23))), paris(9, 14, 23), due(1)),
    ("not before the second day", awaited(since=paris(9, 12, 23)), paris(9, 14, 22, 59), at(paris(9, 14, 23))),
    ("the fourth day", reminded(awaited(since=paris(9, 12, 23)), paris(9, 14, 23)), paris(9, 16, 23), due(2)),
    ("the sixth day", reminded(
        awaited(since=paris(9, 12, 23)), paris(9, 14, 23), paris(9, 16, 23)), paris(9, 18, 23), due(3)),
    ("urgent since a moment ago: one reminder, not two", reminded(
        awaited(since=paris(9, 2, 10)), paris(9, 7, 10)), paris(9, 8, 10), due(2)),
    ("and that one stood for both", reminded(
        awaited(since=paris(9, 2, 10)), paris(9, 7, 10), paris(9, 8, 10)), paris(9, 8, 11), None),
]  # fmt: skip


@pytest.mark.parametrize(("when", "facts", "now", "expected"), URGENT, ids=[row[0] for row in URGENT])
def test_reminders_follow_faster_when_the_start_is_near(
    when: str, facts: Facts, now: datetime, expected: Due | Later | None
) -> None:
    assert answer(facts, now) == expected


@pytest.mark.parametrize(
    ("today", "is_near"),
    [
        (date(2025, 9, 5), False),  # six working days before Monday 15 September
        (date(2025, 9, 6), False),  # a Saturday: the fifth working day after it is Friday 12
        (date(2025, 9, 8), True),
        (date(2025, 9, 15), True),
        (date(2025, 10, 15), True),
    ],
)
def test_a_start_is_near_five_working_days_before(today: date, is_near: bool) -> None:
    now = datetime(today.year, today.month, today.day, 10, tzinfo=PARIS)

    assert is_start_near(known(), now, POLICY) is is_near


def test_no_start_is_near_nothing() -> None:
    assert not is_start_near(known(mission(contract_starts_on=None)), TUESDAY, POLICY)


NOBODY = [
    ("not in CACTUS yet", known()),
    ("both parts are done", awaited(COMPLETED)),
    ("both are done in an open contract", awaited(contract("in_progress", student=DONE, company=DONE))),
    ("generated", awaited(generated())),
    ("refused", awaited(contract("refused"))),
    ("an unknown word", awaited(contract("scellé"))),
    ("since when is not known", replace(awaited(), student_awaited_since=None)),
    ("since when is not known of the company", replace(awaited(STUDENT_DONE), company_awaited_since=None)),
]


@pytest.mark.parametrize(("situation", "facts"), NOBODY, ids=[row[0] for row in NOBODY])
def test_nobody_is_reminded_of_what_is_not_awaited(situation: str, facts: Facts) -> None:
    assert answer(facts, paris(12, 1, 10)) is None


def test_a_reminder_to_two_roles_counts_once() -> None:
    first = said(STUDENT, Role.STUDENT, Role.SUPERVISOR, cause="0.1", at=paris(6, 16, 8).astimezone(UTC))
    facts = replace(awaited(), notifications=first)

    assert answer(facts, paris(6, 20, 10)) == due(2)


def test_a_part_that_is_awaited_again_is_recalled_again_under_another_number() -> None:
    facts = reminded(awaited(since=paris(7, 1, 10)), paris(6, 16, 8), paris(6, 20, 10))

    assert answer(facts, paris(7, 7, 10)) == due(3)


def test_after_a_reopening_the_days_begin_anew() -> None:
    facts = replace(reminded(awaited(since=paris(7, 1, 10)), paris(6, 16, 8)), reopenings=1)

    assert answer(facts, paris(7, 7, 10)) == Due(event=STUDENT, cause="1.2")


def test_the_delays_are_configuration() -> None:
    policy = replace(POLICY, reminders=ReminderPolicy(after_days=(1,), quiet_from_hour=0, quiet_until_hour=0))

    assert next_reminder(awaited(), now=TUESDAY + timedelta(days=1), policy=policy) == due(1)
    assert (
        next_reminder(awaited(), now=TUESDAY, policy=replace(policy, reminders=ReminderPolicy(after_days=()))) is None
    )
