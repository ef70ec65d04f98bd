"""What the department decided, as plain values: dates, recipients, patience."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache

from syncd.model.mission import Mission
from syncd.model.words import Event, Moment, Role, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The dates of one academic year (procedure, section "dates of a campaign"); all days are Paris days, inclusive."""

    academic_year: str
    validation_opens_on: date
    earliest_start: date
    latest_start: date
    training_starts_on: date
    training_ends_on: date
    training_ends_per_programme: Mapping[str, date] = field(default_factory=dict)
    end_margin_months: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRule:
    """One row of the recipients' table. An empty column means "any"; the first row that fits an event decides.

    `moment` matters to the registration letters alone.
    """

    event: Event
    to: tuple[Role, ...]
    tracks: tuple[Track, ...] = ()
    levels: tuple[str, ...] = ()
    campuses: tuple[str, ...] = ()
    moment: Moment | None = None

    def fits(self, event: Event, mission: Mission) -> bool:
        """Whether this row speaks of the event and the mission."""
        return (
            self.event is event
            and (not self.tracks or mission.track in self.tracks)
            and (not self.levels or mission.level in self.levels)
            and (not self.campuses or mission.campus in self.campuses)
        )


def _registration_rules() -> tuple[RecipientRule, ...]:
    """M1 students register from the validation on, the others once the contract's documents are stored."""
    office = {Track.APPRENTISSAGE: Role.SECRETARIAT, Track.PROFESSIONNALISATION: Role.CONTINUING_EDUCATION}
    moments: tuple[tuple[tuple[str, ...], Moment], ...] = ((("M1",), Moment.VALIDATION), ((), Moment.DOCUMENTS))
    return tuple(
        rule
        for levels, moment in moments
        for track, role in office.items()
        for rule in (
            RecipientRule(
                event=Event.REGISTRATION_REQUESTED, tracks=(track,), levels=levels, moment=moment, to=(role,)
            ),
            RecipientRule(
                event=Event.REGISTRATION_INVITED, tracks=(track,), levels=levels, moment=moment, to=(Role.STUDENT,)
            ),
        )
    )


DEFAULT_RECIPIENTS: tuple[RecipientRule, ...] = (
    RecipientRule(event=Event.CONTRACT_INITIALISED, to=(Role.STUDENT, Role.HR_CONTACT)),
    RecipientRule(event=Event.DECISION_FAVOURABLE, to=(Role.STUDENT, Role.HR_CONTACT, Role.CONTINUING_EDUCATION)),
    RecipientRule(event=Event.STUDENT_PART_DONE, to=(Role.HR_CONTACT,)),
    RecipientRule(event=Event.DOCUMENTS_AVAILABLE, to=(Role.STUDENT, Role.HR_CONTACT, Role.SUPERVISOR)),
    *_registration_rules(),
    RecipientRule(event=Event.STUDENT_PART_REMINDER, to=(Role.STUDENT,)),
    RecipientRule(event=Event.COMPANY_PART_REMINDER, to=(Role.HR_CONTACT,)),
    RecipientRule(event=Event.CONTRACT_REOPENED, to=(Role.SUPERVISOR,)),
    RecipientRule(event=Event.CONTRACT_REFUSED, to=(Role.SUPERVISOR,)),
    RecipientRule(event=Event.CONTRACT_CANCELLED, to=(Role.SUPERVISOR,)),
    RecipientRule(event=Event.MISSION_WITHDRAWN, to=(Role.SUPERVISOR,)),
    RecipientRule(event=Event.DIGEST_DAILY, to=(Role.SUPERVISOR,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a remote can do; the procedure adapts to it."""

    idempotency_keys: bool = True
    look_up: bool = True
    change_feed: bool = True
    documents: bool = True
    cancellation: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderPolicy:
    """When a late part is recalled to its holder. Days are calendar days since it is awaited."""

    after_days: tuple[int, ...] = (5, 10, 15)
    after_days_when_urgent: tuple[int, ...] = (2, 4, 6)
    urgent_working_days: int = 5
    """A start within so many working days is urgent: shorter delays, and quiet hours do not hold its letters."""
    quiet_from_hour: int = 19
    quiet_until_hour: int = 8
    digest_hour: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long syncd waits before it looks or asks again."""

    first_delay: timedelta = timedelta(seconds=5)
    longest_delay: timedelta = timedelta(hours=1)
    processing_time: timedelta = timedelta(seconds=120)
    """The remote's longest processing time: a request without an answer may still be applied so long after."""
    reread_after: timedelta = timedelta(hours=24)
    """A contract that awaits somebody is read again after so long, whatever the feed says."""
    poll_first: timedelta = timedelta(minutes=1)
    poll_longest: timedelta = timedelta(hours=6)
    """Without a change feed, each contract is asked more and more rarely between these two."""
    generation_slow_after: timedelta = timedelta(days=7)
    document_tries: int = 3
    """A document that arrives broken so many times in a row is held as invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the procedure needs to know besides the facts and the time."""

    campaigns: "Campaigns"
    programmes: frozenset[str] = frozenset()
    campuses: frozenset[str] = frozenset({"aix", "marseille"})
    since: date | None = None
    late_request_days: int = 15
    short_text_characters: int = 40
    filing_notice_days: int = 5
    recipients: tuple[RecipientRule, ...] = DEFAULT_RECIPIENTS
    capabilities: Capabilities = Capabilities()
    reminders: ReminderPolicy = ReminderPolicy()
    patience: Patience = Patience()
    _rules: dict[tuple[object, ...], RecipientRule | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Which row decided before: asked for a dozen times per contract, and there are few answers."""

    def recipients_of(self, event: Event, mission: Mission) -> tuple[Role, ...]:
        """Return who is told of this event."""
        rule = self._rule(event, mission)
        return rule.to if rule is not None else ()

    def registration_moment(self, event: Event, mission: Mission) -> Moment:
        """Return when this registration letter leaves for this mission."""
        rule = self._rule(event, mission)
        return rule.moment if rule is not None and rule.moment is not None else Moment.DOCUMENTS

    def _rule(self, event: Event, mission: Mission) -> RecipientRule | None:
        asked = (event, mission.track, mission.level, mission.campus)
        try:
            return self._rules[asked]
        except KeyError:
            rule = self._rules[asked] = next((rule for rule in self.recipients if rule.fits(event, mission)), None)
            return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPattern:
    """Month and day of each rule, with the year counted from the first year of the academic year."""

    validation_opens: tuple[int, int, int] = (0, 5, 15)
    earliest_start: tuple[int, int, int] | None = None
    latest_start: tuple[int, int, int] = (0, 11, 1)
    training_starts: tuple[int, int, int] = (0, 9, 1)
    training_ends: tuple[int, int, int] = (1, 8, 31)
    end_margin_months: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """The configured campaigns, and the pattern that every other academic year follows."""

    pattern: CampaignPattern = CampaignPattern()
    configured: Mapping[str, Campaign] = field(default_factory=dict)

    def of(self, academic_year: str | None) -> Campaign | None:
        """Return the campaign of `YYYY-YYYY+1`, or `None` when it is not an academic year."""
        if academic_year is None:
            return None
        if academic_year in self.configured:
            return self.configured[academic_year]
        first_year = first_year_of(academic_year)
        return follow_pattern(self.pattern, academic_year, first_year) if first_year is not None else None

    def with_training_dates(self, mission: Mission) -> Mission:
        """Return the mission with the days of its training: its own, else those of its programme or its campaign."""
        campaign = self.of(mission.academic_year)
        if campaign is None:
            return mission
        if mission.training_starts_on is not None and mission.training_ends_on is not None:
            return mission
        ends_on = campaign.training_ends_per_programme.get(mission.programme or "", campaign.training_ends_on)
        return replace(
            mission,
            training_starts_on=mission.training_starts_on or campaign.training_starts_on,
            training_ends_on=mission.training_ends_on or ends_on,
        )


@lru_cache(maxsize=64)
def first_year_of(academic_year: str) -> int | None:
    """Return 2025 for `2025-2026`, `None` for anything that is not two years in a row."""
    first, dash, second = academic_year.partition("-")
    is_written_right = dash == "-" and len(first) == len(second) == 4 and (first + second).isascii()
    if not (is_written_right and first.isdecimal() and second.isdecimal() and int(second) == int(first) + 1):
        return None
    return int(first) if 2000 <= int(first) <= 2200 else None


@lru_cache(maxsize=64)
def follow_pattern(pattern: CampaignPattern, academic_year: str, first_year: int) -> Campaign:
    """Return the campaign that the pattern gives to an academic year."""

    def on(rule: tuple[int, int, int]) -> date:
        years, month, day = rule
        return date(first_year + years, month, day)

    return Campaign(
        academic_year=academic_year,
        validation_opens_on=on(pattern.validation_opens),
        earliest_start=on(pattern.earliest_start or pattern.validation_opens),
        latest_start=on(pattern.latest_start),
        training_starts_on=on(pattern.training_starts),
        training_ends_on=on(pattern.training_ends),
        end_margin_months=pattern.end_margin_months,
    )
