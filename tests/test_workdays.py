"""The calendar of French working days, in Paris time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.workdays import (
    add_months,
    add_working_days,
    filing_deadline,
    is_working_day,
    next_allowed,
    paris_day,
    start_of_paris_day,
    working_days_between,
)

PARIS = ZoneInfo("Europe/Paris")
DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 12, 31))


def paris(*numbers: int) -> datetime:
    year, month, day, hour, minute = numbers
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


def next_morning(instant: datetime) -> datetime:
    return next_allowed(instant, quiet_from_hour=19, quiet_until_hour=8)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 11, 3), True),
        (date(2025, 11, 1), False),  # Toussaint, and a Saturday
        (date(2025, 11, 8), False),  # a Saturday
        (date(2025, 11, 9), False),  # a Sunday
        (date(2025, 11, 11), False),  # Armistice, a Tuesday
        (date(2026, 5, 14), False),  # Ascension
        (date(2026, 5, 15), True),  # its bridge is no public holiday
        (date(2026, 4, 3), True),  # Good Friday is a holiday in Alsace-Moselle only
    ],
)
def test_working_days_are_monday_to_friday_without_public_holidays(day: date, expected: bool) -> None:
    assert is_working_day(day) is expected


def test_working_days_between_leaves_the_start_out_and_counts_the_end() -> None:
    assert working_days_between(date(2025, 11, 7), date(2025, 11, 12)) == 2  # Monday 10 and Wednesday 12


def test_no_working_day_lies_between_a_day_and_an_earlier_one() -> None:
    assert working_days_between(date(2025, 11, 12), date(2025, 11, 7)) == 0
    assert working_days_between(date(2025, 11, 12), date(2025, 11, 12)) == 0


@given(start=DAYS, end=DAYS)
def test_the_count_of_working_days_is_the_one_made_day_by_day(start: date, end: date) -> None:
    days = (start + timedelta(days=n) for n in range(1, (end - start).days + 1))

    assert working_days_between(start, end) == sum(map(is_working_day, days))


@given(start=DAYS, n=st.integers(min_value=1, max_value=300))
def test_adding_working_days_ends_on_a_working_day_and_is_counted_back(start: date, n: int) -> None:
    end = add_working_days(start, n)

    assert is_working_day(end)
    assert working_days_between(start, end) == n


def test_adding_no_working_day_stays_on_the_day() -> None:
    assert add_working_days(date(2025, 11, 1), 0) == date(2025, 11, 1)


def test_days_are_counted_forwards_only() -> None:
    with pytest.raises(ValueError, match="forwards"):
        add_working_days(date(2025, 11, 1), -1)


@pytest.mark.parametrize(
    ("start", "deadline"),
    [
        (date(2025, 11, 1), date(2025, 11, 7)),
        (date(2025, 9, 1), date(2025, 9, 6)),  # a Saturday counts
        (date(2025, 11, 7), date(2025, 11, 14)),  # Sunday 9 and Tuesday 11 do not
    ],
)
def test_the_filing_deadline_is_five_jours_ouvrables_after_the_start(start: date, deadline: date) -> None:
    assert filing_deadline(start) == deadline


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2025, 12, 31), 2, date(2026, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2026, 8, 31), 2, date(2026, 10, 31)),
        (date(2026, 9, 30), 3, date(2026, 12, 30)),
        (date(2026, 1, 31), 0, date(2026, 1, 31)),
        (date(2026, 1, 31), -2, date(2025, 11, 30)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (paris(2025, 11, 4, 10, 30), paris(2025, 11, 4, 10, 30)),  # allowed already
        (paris(2025, 11, 4, 8, 0), paris(2025, 11, 4, 8, 0)),  # quiet until 8 exactly
        (paris(2025, 11, 4, 7, 59), paris(2025, 11, 4, 8, 0)),
        (paris(2025, 11, 4, 18, 59), paris(2025, 11, 4, 18, 59)),
        (paris(2025, 11, 4, 19, 0), paris(2025, 11, 5, 8, 0)),  # quiet from 19 exactly
        (paris(2025, 11, 7, 20, 0), paris(2025, 11, 10, 8, 0)),  # over a weekend
        (paris(2025, 11, 10, 20, 0), paris(2025, 11, 12, 8, 0)),  # over a public holiday
        (paris(2025, 12, 24, 23, 0), paris(2025, 12, 26, 8, 0)),
    ],
)
def test_quiet_hours_and_days_end_on_the_next_working_morning(instant: datetime, expected: datetime) -> None:
    assert next_morning(instant) == expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (paris(2026, 3, 27, 20, 0), datetime(2026, 3, 30, 6, 0, tzinfo=UTC)),  # Friday in winter, Monday in summer
        (paris(2026, 10, 23, 20, 0), datetime(2026, 10, 26, 7, 0, tzinfo=UTC)),
    ],
)
def test_t02_eight_o_clock_stays_eight_o_clock_when_the_clocks_change(instant: datetime, expected: datetime) -> None:
    found = next_morning(instant)

    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize("fold", [0, 1])
def test_t02_both_half_past_two_of_the_longest_sunday_wait_for_monday(fold: int) -> None:
    half_past_two = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=fold)

    assert next_morning(half_past_two) == datetime(2026, 10, 26, 7, 0, tzinfo=UTC)


def test_t02_the_half_past_two_that_does_not_exist_waits_for_monday() -> None:
    assert next_morning(datetime(2026, 3, 29, 2, 30, tzinfo=PARIS)) == datetime(2026, 3, 30, 6, 0, tzinfo=UTC)


def test_t02_paris_days_are_23_and_25_hours_long_when_the_clocks_change() -> None:
    def length_of(day: date) -> timedelta:
        return start_of_paris_day(day + timedelta(days=1)) - start_of_paris_day(day)

    assert length_of(date(2026, 3, 29)) == timedelta(hours=23)
    assert length_of(date(2026, 10, 25)) == timedelta(hours=25)
    assert length_of(date(2026, 6, 1)) == timedelta(hours=24)


@given(
    instant=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    quiet=st.tuples(st.integers(0, 23), st.integers(0, 23)),
)
def test_the_next_allowed_instant_is_allowed_and_stays(instant: datetime, quiet: tuple[int, int]) -> None:
    quiet_from, quiet_until = quiet

    found = next_allowed(instant, quiet_from_hour=quiet_from, quiet_until_hour=quiet_until)

    hour = found.astimezone(PARIS).hour
    is_quiet = (
        quiet_from <= hour < quiet_until if quiet_from <= quiet_until else hour >= quiet_from or hour < quiet_until
    )
    assert found >= instant
    assert is_working_day(paris_day(found))
    assert not is_quiet
    assert next_allowed(found, quiet_from_hour=quiet_from, quiet_until_hour=quiet_until) == found


def test_equal_quiet_hours_are_none() -> None:
    midnight = paris(2025, 11, 4, 0, 0)

    assert next_allowed(midnight, quiet_from_hour=0, quiet_until_hour=0) == midnight


def test_quiet_hours_of_a_whole_day_are_refused() -> None:
    with pytest.raises(ValueError, match="no hour"):
        next_allowed(paris(2025, 11, 4, 0, 0), quiet_from_hour=0, quiet_until_hour=24)


def test_the_day_in_paris_begins_before_the_day_in_utc() -> None:
    assert paris_day(datetime(2025, 6, 30, 22, 0, tzinfo=UTC)) == date(2025, 7, 1)
    assert start_of_paris_day(date(2025, 7, 1)) == datetime(2025, 6, 30, 22, 0, tzinfo=UTC)


def test_an_instant_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        paris_day(datetime(2025, 6, 30, 22, 0))  # noqa: DTZ001


def test_a_mistyped_day_at_the_end_of_the_calendar_stays_there() -> None:
    assert filing_deadline(date(9999, 12, 30)) == date.max
    assert add_months(date(9999, 12, 31), 2) == date.max
    assert next_morning(datetime.max.replace(tzinfo=UTC) - timedelta(days=1)).year == 9999
    assert start_of_paris_day(date.min) == datetime.min.replace(tzinfo=UTC)
    assert working_days_between(date(2025, 9, 1), date.max) > 2_000_000
