"""The closed vocabularies of the procedure. Their values are shown, stored and sent: they never change."""

from enum import StrEnum
from typing import NewType

MissionId = NewType("MissionId", str)
"""The key of a validated mission, NFC and trimmed; CACTUS knows it as `external_reference`."""

ContractId = NewType("ContractId", str)
"""The name CACTUS gave to a contract; opaque."""


class Track(StrEnum):
    """The two legal kinds of a work-study contract."""

    APPRENTISSAGE = "apprentissage"
    PROFESSIONNALISATION = "professionnalisation"


class Step(StrEnum):
    """Where a contract stands; every mission is in exactly one."""

    HELD = "held"
    TO_INITIALISE = "to_initialise"
    AWAITING_STUDENT = "awaiting_student"
    AWAITING_COMPANY = "awaiting_company"
    AWAITING_DOCUMENTS = "awaiting_documents"
    TO_FETCH = "to_fetch"
    TO_REGISTER = "to_register"
    DONE = "done"
    CLOSED = "closed"


class RemoteStatus(StrEnum):
    """The words of CACTUS that syncd knows; another word is kept as it came and alerted."""

    INITIALISED = "initialised"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    GENERATED = "generated"
    REOPENED = "reopened"
    SIGNED = "signed"
    TRANSMITTED = "transmitted"
    FILED = "filed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    CLOSED = "closed"


FILLING = frozenset({
    RemoteStatus.INITIALISED, RemoteStatus.IN_PROGRESS, RemoteStatus.COMPLETED, RemoteStatus.REOPENED,
})  # fmt: skip
"""The parts are being filled, or the documents are not generated yet: no document holds."""

GENERATED = frozenset({
    RemoteStatus.GENERATED, RemoteStatus.SIGNED, RemoteStatus.TRANSMITTED, RemoteStatus.FILED,
})  # fmt: skip
"""The documents can be downloaded."""


class PartState(StrEnum):
    """How far one side has filled its part."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class DocumentKind(StrEnum):
    """The two papers of a contract; both are wanted."""

    CERFA = "cerfa"
    CONVENTION = "convention"


class Role(StrEnum):
    """To whom a letter is written."""

    STUDENT = "student"
    HR_CONTACT = "hr_contact"
    SUPERVISOR = "supervisor"
    SECRETARIAT = "secretariat"
    CONTINUING_EDUCATION = "continuing_education"


class Event(StrEnum):
    """What a letter announces."""

    CONTRACT_INITIALISED = "contract.initialised"
    DECISION_FAVOURABLE = "decision.favourable"
    STUDENT_PART_DONE = "student_part.done"
    DOCUMENTS_AVAILABLE = "documents.available"
    REGISTRATION_REQUESTED = "registration.requested"
    REGISTRATION_INVITED = "registration.invited"
    STUDENT_PART_REMINDER = "student_part.reminder"
    COMPANY_PART_REMINDER = "company_part.reminder"
    CONTRACT_REOPENED = "contract.reopened"
    CONTRACT_REFUSED = "contract.refused"
    CONTRACT_CANCELLED = "contract.cancelled"
    MISSION_WITHDRAWN = "mission.withdrawn"
    DIGEST_DAILY = "digest.daily"


class Moment(StrEnum):
    """When a registration letter leaves: with the validation, or once the documents are stored."""

    VALIDATION = "validation"
    DOCUMENTS = "documents"


class NotificationState(StrEnum):
    """What became of a letter. `unknown`: the mail server's answer was lost."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class HoldCode(StrEnum):
    """Why a contract is held back."""

    MISSION_NOT_VALIDATED = "MISSION_NOT_VALIDATED"
    MISSION_WITHDRAWN = "MISSION_WITHDRAWN"
    MISSION_CHANGED_SINCE_VALIDATION = "MISSION_CHANGED_SINCE_VALIDATION"
    DATES_MISSING = "DATES_MISSING"
    CAMPAIGN_NOT_OPEN = "CAMPAIGN_NOT_OPEN"
    CAMPAIGN_UNKNOWN = "CAMPAIGN_UNKNOWN"
    START_TOO_EARLY = "START_TOO_EARLY"
    START_TOO_LATE = "START_TOO_LATE"
    END_BEFORE_TRAINING_END = "END_BEFORE_TRAINING_END"
    END_TOO_LATE = "END_TOO_LATE"
    ADMISSION_PENDING = "ADMISSION_PENDING"
    STUDENT_EMAIL_INVALID = "STUDENT_EMAIL_INVALID"
    HR_CONTACT_MISSING = "HR_CONTACT_MISSING"
    HR_EMAIL_INVALID = "HR_EMAIL_INVALID"
    HR_EMAIL_EQUALS_STUDENT = "HR_EMAIL_EQUALS_STUDENT"
    SIRET_INVALID = "SIRET_INVALID"
    MENTOR_MISSING = "MENTOR_MISSING"
    PROGRAMME_UNKNOWN = "PROGRAMME_UNKNOWN"
    CAMPUS_UNKNOWN = "CAMPUS_UNKNOWN"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_UNSAFE = "FIELD_UNSAFE"
    ROW_UNREADABLE = "ROW_UNREADABLE"
    DUPLICATE_ACTIVE_CONTRACT = "DUPLICATE_ACTIVE_CONTRACT"
    REMOTE_CONFLICT = "REMOTE_CONFLICT"
    REMOTE_REFUSED = "REMOTE_REFUSED"
    REMOTE_MISSING = "REMOTE_MISSING"
    REMOTE_OUTCOME_UNKNOWN = "REMOTE_OUTCOME_UNKNOWN"
    DOCUMENT_INVALID = "DOCUMENT_INVALID"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    MANUAL_HOLD = "MANUAL_HOLD"
    QUARANTINED = "QUARANTINED"


class WarningCode(StrEnum):
    """What a person should know and nothing waits for."""

    LATE_REQUEST = "LATE_REQUEST"
    START_IN_PAST = "START_IN_PAST"
    FILING_DEADLINE_NEAR = "FILING_DEADLINE_NEAR"
    TRAINING_START_FAR = "TRAINING_START_FAR"
    MISSION_TEXT_SHORT = "MISSION_TEXT_SHORT"
    REMOTE_STATUS_UNKNOWN = "REMOTE_STATUS_UNKNOWN"
    GENERATION_SLOW = "GENERATION_SLOW"
