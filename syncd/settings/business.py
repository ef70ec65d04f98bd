"""The sections about the procedure: campaigns, admission, reminders, recipients."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from syncd.model import Event, Moment, Role, Track
from syncd.model.policy import first_year_of
from syncd.settings.section import Count, Day, Hour, Line, MonthDay, Positive, Section


class CampaignDefault(Section):
    """Month and day of each rule for every academic year that has no table of its own; Paris days, inclusive."""

    validation_opens: MonthDay = "05-15"
    """From this day on contracts are initialised, in the first year of the academic year."""
    earliest_start: MonthDay | None = None
    """The first day a contract may start, in the first year. Empty: the day validation opens."""
    latest_start: MonthDay = "11-01"
    """The last day a contract may start, in the first year."""
    training_starts: MonthDay = "09-01"
    """The training's first day, in the first year, when the mission does not say."""
    training_ends: MonthDay = "08-31"
    """The training's last day, in the second year, when the mission does not say."""
    end_margin_months: Annotated[int, Field(ge=0, le=12)] = 2
    """Months after the training's last day until which a contract may end."""


class CampaignYear(Section):
    """The days of one academic year; a day that is not set follows the default table."""

    validation_opens: Day | None = None
    earliest_start: Day | None = None
    latest_start: Day | None = None
    training_starts: Day | None = None
    training_ends: Day | None = None
    end_margin_months: Annotated[int, Field(ge=0, le=12)] | None = None
    training_ends_per_programme: Mapping[str, Day] = Field(default_factory=dict)


class Campaigns(Section, extra="allow"):
    """The pattern of every campaign, and the academic years that have days of their own."""

    __pydantic_extra__: dict[str, CampaignYear]
    default: CampaignDefault = CampaignDefault()

    @classmethod
    def other_table(cls, name: str) -> type[Section] | None:
        """Return the kind of an academic year's table."""
        return CampaignYear if first_year_of(name) is not None else None

    @property
    def years(self) -> dict[str, CampaignYear]:
        """The configured academic years."""
        return dict(self.__pydantic_extra__ or {})


class Admission(Section):
    """What a mission is checked against before anything is sent."""

    programmes: tuple[Line, ...] = ()
    """The programmes that are known, as the mission form writes them; an empty list accepts any."""
    campuses: tuple[Line, ...] = ("aix", "marseille")
    """The campuses that are known."""
    late_request_days: Count = 15
    """Asked for less than so many days before the contract starts: a warning, first in every list, never a block."""
    short_text_characters: Count = 40
    """A mission described in fewer characters is a warning: the OPCO may ask for more."""
    filing_notice_days: Count = 5
    """So many days before the legal deadline at the OPCO, a contract that is not filed is a warning."""


class Reminders(Section):
    """When a late part is recalled to its holder, and when mail is quiet (Paris time)."""

    after_days: tuple[Positive, ...] = (5, 10, 15)
    """Days since a part is awaited, of each reminder."""
    after_days_when_urgent: tuple[Positive, ...] = (2, 4, 6)
    """The same when the contract starts soon."""
    urgent_working_days: Count = 5
    """A start within so many working days is soon: quiet hours do not hold its reminders."""
    quiet_from_hour: Hour = 19
    """From this hour on no reminder and no digest leaves …"""
    quiet_until_hour: Hour = 8
    """… until this hour of the next working day."""
    digest_hour: Hour = 8
    """The hour of the supervisor's daily digest."""


class RecipientRow(Section):
    """One row of the recipients' table."""

    event: Event
    to: tuple[Role, ...]
    tracks: tuple[Track, ...] = ()
    levels: tuple[str, ...] = ()
    campuses: tuple[str, ...] = ()
    moment: Moment | None = None
