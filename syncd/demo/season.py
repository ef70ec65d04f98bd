"""When the invented missions happen, seen from today: in the current campaign, whatever the day. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from syncd.model import Campaign, Campaigns
from syncd.workdays import paris_day, start_of_paris_day

_CAMPAIGNS = Campaigns()
_COMFORTABLY_AHEAD = timedelta(days=30)
_SPREAD_DAYS = 14
_ASKED_BEFORE_START = timedelta(days=45)
_ASKED_BEFORE_TODAY = timedelta(days=10)
_CHECKING = timedelta(days=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The campaign that is open on the day of `now`, and the days of its missions."""

    now: datetime
    campaign: Campaign
    following: Campaign

    @property
    def in_service_since(self) -> date:
        """The day before which this installation leaves validated missions alone."""
        return date(self.campaign.validation_opens_on.year, 3, 1)

    @property
    def last_start(self) -> datetime:
        """The beginning of the last day on which a contract may start."""
        return start_of_paris_day(self.campaign.latest_start)

    def contract_starts_on(self, number: int) -> date:
        """Return a start that the campaign accepts: ahead of today as long as the campaign has such days."""
        last = self.campaign.latest_start - timedelta(days=_SPREAD_DAYS)
        first = max(self.campaign.training_starts_on, min(paris_day(self.now) + _COMFORTABLY_AHEAD, last))
        return first + timedelta(days=number * 3 % _SPREAD_DAYS)

    def contract_ends_on(self, number: int) -> date:
        """Return an end that the campaign accepts."""
        return self.campaign.training_ends_on + timedelta(days=number * 7 % 31)

    def submitted_at(self, number: int) -> datetime:
        """Return when the student asked: in good time before the start, and always in the past."""
        start = datetime.combine(self.contract_starts_on(number), time(7, 30), tzinfo=UTC)
        return min(start - _ASKED_BEFORE_START, self.now - _ASKED_BEFORE_TODAY) - timedelta(minutes=37 * number)

    def validated_at(self, number: int) -> datetime:
        """Return when the work-study supervisor had checked it."""
        return self.submitted_at(number) + _CHECKING


def season_at(now: datetime) -> Season:
    """Return the season of an instant: the campaign that opened last."""
    year = paris_day(now).year
    if paris_day(now) < _campaign(year).validation_opens_on:
        year -= 1
    return Season(now=now, campaign=_campaign(year), following=_campaign(year + 1))


def _campaign(first_year: int) -> Campaign:
    campaign = _CAMPAIGNS.of(f"{first_year}-{first_year + 1}")
    assert campaign is not None, first_year  # noqa: S101 - written as an academic year just above
    return campaign
