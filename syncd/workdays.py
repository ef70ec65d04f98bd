"""French working days and Paris days: pure calendar, no clock.

A *jour ouvré* (here: working day) is Monday to Friday, a *jour ouvrable* Monday to Saturday; public holidays are
neither. The calendar is that of metropolitan France. Days at the very end of the calendar (year 9999) are what a
mistyped mission contains: they stay the last day instead of raising.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

PARIS = ZoneInfo("Europe/Paris")

FILING_DAYS = 5
"""Jours ouvrables within which the signed contract reaches the OPCO, after the contract's start."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_ONE_DAY = timedelta(days=1)
_MONDAY_TO_FRIDAY = range(5)
_MONDAY_TO_SATURDAY = range(6)


@cache
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(country_holidays("FR", years=year))


def is_working_day(day: date) -> bool:
    """Whether offices work: Monday to Friday, no public holiday."""
    return day.weekday() in _MONDAY_TO_FRIDAY and day not in _public_holidays(day.year)


def _is_jour_ouvrable(day: date) -> bool:
    return day.weekday() in _MONDAY_TO_SATURDAY and day not in _public_holidays(day.year)


def working_days_between(start: date, end: date) -> int:
    """Return how many working days come after `start`, up to `end` included; 0 when `end` is not after `start`.

    The inverse of `add_working_days`. Its cost follows the number of years, not of days.
    """
    if end <= start:
        return 0
    holidays = (day for year in range(start.year, end.year + 1) for day in _public_holidays(year))
    holidays_on_weekdays = sum(start < day <= end and day.weekday() in _MONDAY_TO_FRIDAY for day in holidays)
    return _weekdays_until(end) - _weekdays_until(start) - holidays_on_weekdays


def _weekdays_until(day: date) -> int:
    """Return the number of days from Monday to Friday since the calendar's first day (a Monday), `day` included."""
    weeks, rest = divmod(day.toordinal(), 7)
    return 5 * weeks + min(rest, 5)


@lru_cache(maxsize=64)
def add_working_days(day: date, n: int) -> date:
    """Return the n-th working day after `day`; `day` itself, working or not, when `n` is 0."""
    return _nth_after(day, n, is_working_day)


@lru_cache(maxsize=1024)
def filing_deadline(start: date) -> date:
    """Return the last day to hand the signed contract to the OPCO: 5 jours ouvrables after the contract's start.

    A start on 1 November 2025 gives 7 November. Source: procedure, section 3.
    """
    return _nth_after(start, FILING_DAYS, _is_jour_ouvrable)


def _nth_after(day: date, n: int, counts: Callable[[date], bool]) -> date:
    if n < 0:
        raise ValueError("days are counted forwards only")
    while n and day < date.max:
        day += _ONE_DAY
        n -= counts(day)
    return day


@lru_cache(maxsize=1024)
def add_months(day: date, n: int) -> date:
    """Return the same day `n` months later, or the last of a shorter month: 31 December + 2 is February's last day."""
    years, month = divmod(day.month - 1 + n, 12)
    year = day.year + years
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=1024)
def paris_day(instant: datetime) -> date:
    """Return the day that Paris has at an aware instant."""
    if instant.tzinfo is None:
        raise ValueError("an instant has a zone")
    return instant.astimezone(PARIS).date()


def start_of_paris_day(day: date) -> datetime:
    """Return the instant, in UTC, at which a Paris day begins."""
    return _paris_hour(day, 0)


@lru_cache(maxsize=64)
def _paris_hour(day: date, hour: int) -> datetime:
    """Return an hour of a Paris day, in UTC; hour 24 is the next day's beginning."""
    next_day, hour = divmod(hour, 24)
    try:
        local = datetime.combine(day + next_day * _ONE_DAY, datetime.min.time(), tzinfo=PARIS).replace(hour=hour)
        return local.astimezone(UTC)
    except OverflowError:  # Paris was nine minutes ahead on the calendar's first day, and its last has no next
        return _EARLIEST if day == date.min else _LATEST


@lru_cache(maxsize=64)
def next_allowed(instant: datetime, *, quiet_from_hour: int, quiet_until_hour: int) -> datetime:
    """Return the first instant, at or after this one and in UTC, on a working day and outside the quiet hours.

    Hours are those of Paris, 0 to 24. Quiet hours from 19 to 8 span midnight, from 0 to 8 do not, and equal hours mean
    that there are none.

    Source: procedure, section 6.
    """
    windows = _allowed_hours(quiet_from_hour, quiet_until_hour)
    for day in _working_days_from(paris_day(instant)):
        for opens, closes in windows:
            if instant < _paris_hour(day, closes):
                return max(instant.astimezone(UTC), _paris_hour(day, opens))
    return instant.astimezone(UTC)


@cache
def _allowed_hours(quiet_from: int, quiet_until: int) -> tuple[tuple[int, int], ...]:
    """Return the spans of a day that are not quiet, in order."""
    if quiet_from == quiet_until:
        return ((0, 24),)
    if quiet_from > quiet_until:
        return ((quiet_until, quiet_from),)
    windows = tuple((opens, closes) for opens, closes in ((0, quiet_from), (quiet_until, 24)) if opens < closes)
    if not windows:
        raise ValueError("the quiet hours leave no hour of the day")
    return windows


def _working_days_from(day: date) -> Iterator[date]:
    while day < date.max:
        if is_working_day(day):
            yield day
        day += _ONE_DAY
