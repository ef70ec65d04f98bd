"""From the business sections to the model's policy; pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from syncd.model import (
    DEFAULT_RECIPIENTS,
    Campaign,
    CampaignPattern,
    Capabilities,
    Patience,
    Policy,
    RecipientRule,
    ReminderPolicy,
)
from syncd.model import Campaigns as ModelCampaigns
from syncd.model.policy import first_year_of, follow_pattern
from syncd.settings.business import Admission, CampaignDefault, Campaigns, CampaignYear, RecipientRow, Reminders
from syncd.settings.keys import table_name
from syncd.settings.problems import Problem
from syncd.settings.remote import Cactus
from syncd.settings.section import month_and_day
from syncd.settings.technical import Retry


def policy_of(
    *,
    campaigns: Campaigns,
    admission: Admission,
    reminders: Reminders,
    recipients: tuple[RecipientRow, ...],
    since: date | None,
    cactus: Cactus,
    retry: Retry,
) -> Policy:
    """Return the policy that these sections describe."""
    return Policy(
        campaigns=_campaigns(campaigns),
        programmes=frozenset(admission.programmes),
        campuses=frozenset(admission.campuses),
        since=since,
        late_request_days=admission.late_request_days,
        short_text_characters=admission.short_text_characters,
        filing_notice_days=admission.filing_notice_days,
        recipients=_recipients(recipients),
        capabilities=_capabilities(cactus),
        reminders=ReminderPolicy(**reminders.model_dump()),
        patience=_patience(cactus, retry),
    )


def _campaigns(section: Campaigns) -> ModelCampaigns:
    pattern = _pattern(section.default)
    years = {name: _campaign(name, year, pattern) for name, year in section.years.items()}
    return ModelCampaigns(pattern=pattern, configured=years)


def _pattern(section: CampaignDefault) -> CampaignPattern:
    first, second = 0, 1
    earliest = section.earliest_start
    return CampaignPattern(
        validation_opens=(first, *month_and_day(section.validation_opens)),
        earliest_start=(first, *month_and_day(earliest)) if earliest is not None else None,
        latest_start=(first, *month_and_day(section.latest_start)),
        training_starts=(first, *month_and_day(section.training_starts)),
        training_ends=(second, *month_and_day(section.training_ends)),
        end_margin_months=section.end_margin_months,
    )


def _campaign(academic_year: str, section: CampaignYear, pattern: CampaignPattern) -> Campaign:
    first_year = first_year_of(academic_year)
    if first_year is None:
        raise ValueError("not an academic year")
    usual = follow_pattern(pattern, academic_year, first_year)
    opens = section.validation_opens or usual.validation_opens_on
    earliest = section.earliest_start or (opens if pattern.earliest_start is None else usual.earliest_start)
    margin = section.end_margin_months
    return replace(
        usual,
        validation_opens_on=opens,
        earliest_start=earliest,
        latest_start=section.latest_start or usual.latest_start,
        training_starts_on=section.training_starts or usual.training_starts_on,
        training_ends_on=section.training_ends or usual.training_ends_on,
        training_ends_per_programme=dict(section.training_ends_per_programme),
        end_margin_months=margin if margin is not None else usual.end_margin_months,
    )


def contradictions(campaigns: ModelCampaigns) -> list[Problem]:
    """Return the campaigns whose days cannot be: every contract would be held, and nobody would see why."""
    any_year = follow_pattern(campaigns.pattern, "default", 2025)
    return [
        Problem(key=table_name(("campaigns", campaign.academic_year)), message=message)
        for campaign in (any_year, *campaigns.configured.values())
        for message in _contradictions_of(campaign)
    ]


def _contradictions_of(campaign: Campaign) -> Iterator[str]:
    if campaign.earliest_start > campaign.latest_start:
        yield "earliest_start is after latest_start"
    for ends_on in (campaign.training_ends_on, *campaign.training_ends_per_programme.values()):
        if ends_on <= campaign.training_starts_on:
            yield "the training ends before it starts"


def _recipients(rows: tuple[RecipientRow, ...]) -> tuple[RecipientRule, ...]:
    """Return the configured rows, then the default rows of the events that none of them speaks of."""
    configured = {row.event for row in rows}
    return (
        *(RecipientRule(**row.model_dump()) for row in rows),
        *(rule for rule in DEFAULT_RECIPIENTS if rule.event not in configured),
    )


def _capabilities(cactus: Cactus) -> Capabilities:
    return Capabilities(
        idempotency_keys=cactus.idempotent,
        look_up=cactus.look_up,
        change_feed=cactus.change_feed,
        documents=cactus.documents,
        cancellation=cactus.cancellation,
    )


def _patience(cactus: Cactus, retry: Retry) -> Patience:
    return Patience(
        first_delay=timedelta(seconds=min(retry.first_delay_s, retry.longest_delay_s)),
        longest_delay=timedelta(seconds=retry.longest_delay_s),
        processing_time=timedelta(seconds=cactus.processing_time_s),
        reread_after=timedelta(hours=retry.reread_after_h),
        poll_first=timedelta(seconds=min(retry.poll_first_s, retry.poll_longest_s)),
        poll_longest=timedelta(seconds=retry.poll_longest_s),
        generation_slow_after=timedelta(days=retry.generation_slow_after_days),
        document_tries=retry.document_tries,
    )
