"""From the business sections to the model's policy."""

from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

from syncd.model import DEFAULT_RECIPIENTS, Campaigns, Event, Mission, Policy, Role
from syncd.settings.technical import Columns
from tests.settings.arrange import load


def test_without_a_configuration_the_policy_is_the_models_own(tmp_path: Path) -> None:
    assert load(tmp_path).policy() == Policy(campaigns=Campaigns())


def test_the_seeds_campaign_is_the_default(tmp_path: Path) -> None:
    campaign = load(tmp_path).policy().campaigns.of("2025-2026")

    assert campaign is not None
    assert campaign.validation_opens_on == campaign.earliest_start == date(2025, 5, 15)
    assert campaign.latest_start == date(2025, 11, 1)
    assert campaign.training_starts_on == date(2025, 9, 1)
    assert campaign.end_margin_months == 2


def test_a_pattern_moves_every_year_that_has_no_table_of_its_own(tmp_path: Path) -> None:
    toml = '[campaigns.default]\nlatest_start = "12-01"\ntraining_ends = "09-30"\nearliest_start = "07-01"\n'

    campaign = load(tmp_path, toml=toml).policy().campaigns.of("2030-2031")

    assert campaign is not None
    assert campaign.latest_start == date(2030, 12, 1)
    assert campaign.training_ends_on == date(2031, 9, 30)
    assert campaign.earliest_start == date(2030, 7, 1)


def test_a_year_of_its_own_follows_the_pattern_where_it_says_nothing(tmp_path: Path) -> None:
    toml = (
        '[campaigns.default]\nlatest_start = "12-01"\n'
        "[campaigns.2025-2026]\nvalidation_opens = 2025-06-01\nend_margin_months = 0\n"
        'training_ends_per_programme = { "M2 MIAGE ID2I" = 2026-09-30 }\n'
    )

    campaign = load(tmp_path, toml=toml).policy().campaigns.of("2025-2026")

    assert campaign is not None
    assert campaign.validation_opens_on == campaign.earliest_start == date(2025, 6, 1)
    assert campaign.latest_start == date(2025, 12, 1)
    assert campaign.end_margin_months == 0
    assert campaign.training_ends_per_programme == {"M2 MIAGE ID2I": date(2026, 9, 30)}


def test_a_row_of_the_recipients_table_replaces_the_default_of_its_event_alone(tmp_path: Path) -> None:
    toml = '[[recipients]]\nevent = "contract.reopened"\nto = ["secretariat"]\ncampuses = ["aix"]\n'

    recipients = load(tmp_path, toml=toml).policy().recipients

    assert [rule.to for rule in recipients if rule.event is Event.CONTRACT_REOPENED] == [(Role.SECRETARIAT,)]
    assert {rule for rule in recipients if rule.event is not Event.CONTRACT_REOPENED} == {
        rule for rule in DEFAULT_RECIPIENTS if rule.event is not Event.CONTRACT_REOPENED
    }


def test_capabilities_and_patience_come_from_the_technical_sections(tmp_path: Path) -> None:
    environ = {
        "SYNCD_CACTUS__IDEMPOTENT": "false",
        "SYNCD_CACTUS__CHANGE_FEED": "false",
        "SYNCD_CACTUS__PROCESSING_TIME_S": "7",
        "SYNCD_RETRY__LONGEST_DELAY_S": "60",
        "SYNCD_MISSIONS__SINCE": "2025-09-01",
    }

    policy = load(tmp_path, environ=environ).policy()

    assert not policy.capabilities.idempotency_keys
    assert not policy.capabilities.change_feed
    assert policy.capabilities.look_up
    assert policy.patience.processing_time == timedelta(seconds=7)
    assert policy.patience.longest_delay == timedelta(seconds=60)
    assert policy.since == date(2025, 9, 1)


def test_every_delay_of_a_retry_is_bounded_by_the_longest(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"SYNCD_RETRY__LONGEST_DELAY_S": "2"})

    assert settings.policy().patience.first_delay == timedelta(seconds=2)
    assert settings.greylist_delay == settings.unknown_resend_delay == timedelta(seconds=2)


def test_every_column_of_a_mission_can_be_mapped() -> None:
    assert set(Columns.model_fields) == {field.name for field in fields(Mission)} - {"unreadable", "unsafe"}
