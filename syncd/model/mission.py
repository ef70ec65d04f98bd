"""A validated mission, as the FVMA application wrote it."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from syncd.model.words import MissionId, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """One row of `validated_missions`; what could not be read is `None` and named in `unreadable` or `unsafe`.

    Instants are aware and in UTC; texts are NFC and trimmed, an empty text is `None`.
    """

    mission_id: MissionId
    updated_at: datetime
    status: str
    validated_at: datetime | None = None
    validated_by: str | None = None
    submitted_at: datetime | None = None
    track: Track | None = None
    academic_year: str | None = None
    programme: str | None = None
    level: str | None = None
    campus: str | None = None
    admission_confirmed: bool | None = None
    training_starts_on: date | None = None
    training_ends_on: date | None = None
    student_number: str | None = None
    student_last_name: str | None = None
    student_first_name: str | None = None
    student_email: str | None = None
    company_siret: str | None = None
    company_name: str | None = None
    hr_contact_name: str | None = None
    hr_contact_email: str | None = None
    mentor_name: str | None = None
    mentor_email: str | None = None
    mission_title: str | None = None
    mission_description: str | None = None
    contract_starts_on: date | None = None
    contract_ends_on: date | None = None
    unreadable: tuple[str, ...] = ()
    """Columns whose value has the wrong type or that are gone from the store."""
    unsafe: tuple[str, ...] = ()
    """Columns whose text has control characters, lone surrogates, encoded words, or is far too long."""


NEVER_SENT = frozenset({"mission_id", "updated_at", "status", "validated_by", "submitted_at", "admission_confirmed"})
"""Columns that neither CACTUS nor a letter shows: changing them later changes nothing that was sent."""

SENT_FIELDS = tuple(field.name for field in fields(Mission) if field.name not in NEVER_SENT)
"""What was sent: a later change of any of these is a hold (procedure: a validated mission cannot be changed)."""


def changed_fields(sent: Mission, now: Mission) -> tuple[str, ...]:
    """Return the names of the sent fields that differ, in the store's order."""
    if sent is now:
        return ()
    return tuple(name for name in SENT_FIELDS if getattr(sent, name) != getattr(now, name))
