"""What is wrong with every third mission: together, each hold that a row of the store can cause. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta

from syncd.demo.rows import Row, student_columns, written, written_day
from syncd.demo.season import Season
from syncd.workdays import add_months

Obstacle = Callable[[Season, Row], Row]
"""Returns the columns that differ from a mission that is fine."""

TWIN = 4
"""The number of the mission whose student has a second one."""
_ONE_DAY = timedelta(days=1)


def _only(**columns: str | int | None) -> Obstacle:
    return lambda season, row: columns  # noqa: ARG005 - these say the same in every season


def _starts_and_ends_too_late(season: Season, row: Row) -> Row:  # noqa: ARG001 - an obstacle's signature
    campaign = season.campaign
    last_end = add_months(campaign.training_ends_on, campaign.end_margin_months)
    return {
        "contract_starts_on": written_day(campaign.latest_start + _ONE_DAY),
        "contract_ends_on": written_day(last_end + _ONE_DAY),
    }


def _starts_and_ends_too_early(season: Season, row: Row) -> Row:  # noqa: ARG001
    campaign = season.campaign
    return {
        "contract_starts_on": written_day(campaign.earliest_start - _ONE_DAY),
        "contract_ends_on": written_day(campaign.training_ends_on - _ONE_DAY),
    }


def _belongs_to_next_year(season: Season, row: Row) -> Row:  # noqa: ARG001
    following = season.following
    return {
        "academic_year": following.academic_year,
        "training_starts_on": written_day(following.training_starts_on),
        "training_ends_on": written_day(following.training_ends_on),
        "contract_starts_on": written_day(following.training_starts_on),
        "contract_ends_on": written_day(following.training_ends_on),
    }


def _was_validated_before_the_service_began(season: Season, row: Row) -> Row:  # noqa: ARG001
    before = datetime.combine(season.in_service_since - timedelta(days=20), time(9), tzinfo=UTC)
    return {"submitted_at": written(before - _ONE_DAY), "validated_at": written(before), "updated_at": written(before)}


def _is_a_second_one(season: Season, row: Row) -> Row:  # noqa: ARG001
    """The same student as another mission, validated after it."""
    later = written(season.validated_at(TWIN) + _ONE_DAY)
    return {**student_columns(TWIN), "validated_at": later, "updated_at": later}


def _has_the_contact_of_the_student(season: Season, row: Row) -> Row:  # noqa: ARG001
    return {"hr_contact_email": row["student_email"]}


OBSTACLES: Mapping[int, Obstacle] = {
    3: _only(contract_ends_on=None, mentor_name=None, hr_contact_name=None, hr_contact_email=None),
    6: _only(company_siret="12345678200011", student_email="camille.at.example.org", hr_contact_email="rh@"),
    8: _only(admission_confirmed=0),
    11: _starts_and_ends_too_late,
    13: _has_the_contact_of_the_student,
    15: _belongs_to_next_year,
    17: _only(campus="avignon", programme="M2 MIAGE Océanographie", academic_year="2026/27"),
    19: _starts_and_ends_too_early,
    22: _only(mission_title="Refonte du site\x07 vitrine", company_name=None, contract_starts_on="à définir"),
    24: _only(status="corrections"),
    27: _was_validated_before_the_service_began,
    29: _is_a_second_one,
}
"""By the number of the mission."""
