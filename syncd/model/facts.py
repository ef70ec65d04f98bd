"""Everything that is known of one contract: what the procedure decides from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.model.mission import Mission
from syncd.model.remote import RemoteContract
from syncd.model.words import (
    ContractId,
    DocumentKind,
    Event,
    HoldCode,
    MissionId,
    NotificationState,
    Role,
    Step,
    WarningCode,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReason:
    """One reason for a hold: its code, the field it is about, and a French sentence for the people concerned."""

    code: HoldCode
    field: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One warning, with a French sentence."""

    code: WarningCode
    message: str


class Asked(StrEnum):
    """What is known of the request that creates the contract."""

    NEVER = "never"
    UNDER_WAY = "under_way"
    """The intent is committed. Found so by a new claim, its outcome is unknown: it may have been applied."""
    NOT_APPLIED = "not_applied"
    """CACTUS certainly did nothing: the request may be repeated as it is."""
    UNKNOWN = "unknown"
    """CACTUS may have applied it: look it up before anything else."""
    ABSENT = "absent"
    """Looked up after an unknown outcome and not found: may be asked again."""
    ANSWERED = "answered"
    REFUSED = "refused"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document in the vault. `version` is ours, `remote_version` is what CACTUS called it."""

    kind: DocumentKind
    version: int
    remote_version: int | None
    sha256: str
    size: int
    stored_at: datetime
    file_id: str
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A letter that was queued. `cause` tells apart two letters of one event to one role (a pair of documents, …)."""

    event: Event
    role: Role
    cause: str
    state: NotificationState
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger knows of one contract. Facts are added, corrected by newer ones, and never guessed.

    `mission` is the row as it was last read, `baseline` the row as it was when something was first sent (or when an
    admin last released it), `sent` what CACTUS was sent, with the campaign's training dates filled in.
    """

    mission_id: MissionId
    mission: Mission
    discovered_at: datetime
    sweeps_missed: int = 0
    """In how many full sweeps in a row the store did not have the row."""

    baseline: Mission | None = None
    baseline_is_gone: bool = False
    """An admin released the contract although its row is gone from the store."""
    scope_waived: bool = False
    """An admin released the mission although it was validated before this installation starts."""
    decided_at: datetime | None = None
    """Professionalisation: when the favourable decision was announced."""

    asked: Asked = Asked.NEVER
    asked_at: datetime | None = None
    first_asked_at: datetime | None = None
    ask_round: int = 0
    """Grows when an admin lets a refused request go again; part of the idempotency key."""
    looked_up_at: datetime | None = None
    sent: Mission | None = None
    refusal: str | None = None
    conflict: str | None = None

    contract_id: ContractId | None = None
    linked_at: datetime | None = None
    adopted: bool = False
    remote: RemoteContract | None = None
    remote_read_at: datetime | None = None
    reread_wanted: bool = False
    """Something says that CACTUS may have changed: ask it before deciding."""
    is_missing_remotely: bool = False
    status_since: datetime | None = None
    """When the remote status was first read as it is now (our clock)."""
    reopenings: int = 0
    student_awaited_since: datetime | None = None
    company_awaited_since: datetime | None = None

    document_fault: str | None = None
    """Why a document that CACTUS offers cannot be taken in; forgotten once a good one of its kind is stored."""
    document_fault_of: DocumentKind | None = None
    document_failures: int = 0

    manual_hold: str | None = None
    cancel_wanted: str | None = None
    """The reason of an admin who asked for the cancellation, not yet confirmed by CACTUS."""
    closed_reason: str | None = None
    """Set when syncd itself closed the contract: cancelled by an admin."""
    quarantined: bool = False

    attempts: int = 0
    not_before: datetime | None = None
    last_error: str | None = None
    step: Step = Step.TO_INITIALISE
    """The step as it was last recorded."""

    documents: tuple[StoredDocument, ...] = ()
    notifications: tuple[Notification, ...] = ()
    rivals: tuple["Facts", ...] = ()
    """What is known of the other missions of the same student in the same academic year; their own is empty."""

    def current_document(self, kind: DocumentKind) -> StoredDocument | None:
        """Return the stored document of this kind that is not superseded."""
        if not self.documents:
            return None
        current = [d for d in self.documents if d.kind is kind and d.superseded_at is None]
        return max(current, key=lambda d: d.version, default=None)

    def has_announced(self, event: Event, *, role: Role | None = None, cause: str | None = None) -> bool:
        """Whether a letter of this event (to this role, for this cause) was ever queued."""
        for n in self.notifications:
            if n.event is event and (role is None or n.role is role) and (cause is None or n.cause == cause):
                return True
        return False
