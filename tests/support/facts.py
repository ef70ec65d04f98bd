"""Small builders for what is known of a contract: each row of a decision table is one of these and a sentence."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from syncd.actions import (
    Action,
    Announce,
    CancelRemote,
    Close,
    FetchDocument,
    Initialise,
    LookUp,
    ReadRemote,
    Supersede,
    Wait,
)
from syncd.model import (
    Asked,
    Campaigns,
    Capabilities,
    ContractId,
    DocumentKind,
    Event,
    Facts,
    Mission,
    MissionId,
    Notification,
    NotificationState,
    Part,
    PartState,
    Policy,
    RemoteContract,
    RemoteDocument,
    Role,
    Step,
    StoredDocument,
    Track,
)
from syncd.transitions import link
from tests.conformance.examples import A_MISSION

NOW = datetime(2025, 6, 10, 8, 0, tzinfo=UTC)
"""10 o'clock in Paris on a Tuesday, in the campaign, three months before the contract starts."""

AN_HOUR_AGO = NOW - timedelta(hours=1)
CONTRACT = ContractId("C-00001")

POLICY = Policy(campaigns=Campaigns())
"""A remote that can do everything."""


def remote_with(**capabilities: bool) -> Policy:
    """Return the policy for a remote that lacks (or has) these."""
    return replace(POLICY, capabilities=Capabilities(**capabilities))


KEYLESS = remote_with(idempotency_keys=False)
SIGHTLESS = remote_with(look_up=False)
"""Honours keys, cannot be looked up."""
MUTE = remote_with(idempotency_keys=False, look_up=False)
"""Neither: an unknown outcome is a question to a person."""
FEEDLESS = remote_with(change_feed=False)


# ---------------------------------------------------------------------------------------------------------- the mission


def mission(**changed: object) -> Mission:
    """Return a mission that nothing speaks against, changed."""
    return replace(A_MISSION, **changed)  # type: ignore[arg-type]


PROFESSIONNALISATION = mission(track=Track.PROFESSIONNALISATION)
WITHDRAWN = mission(status="withdrawn")
INVALID = mission(company_siret="1")


def known(row: Mission = A_MISSION, **changed: object) -> Facts:
    """Return a mission that was discovered, and nothing more."""
    facts = Facts(mission_id=row.mission_id, mission=row, discovered_at=AN_HOUR_AGO)
    return replace(facts, **changed)  # type: ignore[arg-type]


def rival(number: int, *, days: int = -1, **changed: object) -> Facts:
    """Return another mission of the same student, validated so many days after the first."""
    validated_at = (A_MISSION.validated_at or NOW) + timedelta(days=days)
    return known(mission(mission_id=MissionId(f"FVMA-2025-{number:04d}"), validated_at=validated_at), **changed)


# --------------------------------------------------------------------------------------------------------------- CACTUS


def asked(outcome: Asked, *, at: datetime = AN_HOUR_AGO, row: Mission = A_MISSION, **changed: object) -> Facts:
    """Return a mission for which CACTUS was asked, as it stood then in the store, with this outcome."""
    return known(row, asked=outcome, asked_at=at, first_asked_at=at, sent=A_MISSION, baseline=A_MISSION, **changed)


def contract(
    status: str, *, student: str = PartState.TODO, company: str = PartState.TODO,
    papers: tuple[RemoteDocument, ...] = (), reason: str | None = None,
) -> RemoteContract:  # fmt: skip
    """Return what CACTUS says."""
    return RemoteContract(
        contract_id=CONTRACT,
        external_reference=A_MISSION.mission_id,
        status=status,
        student_part=Part(state=student),
        company_part=Part(state=company),
        documents=papers,
        rejection_reason=reason,
    )


def linked(remote: RemoteContract, /, *, at: datetime = NOW, row: Mission = A_MISSION, **changed: object) -> Facts:
    """Return a contract that CACTUS has; both first letters were sent unless `notifications` says otherwise."""
    before = replace(asked(Asked.UNKNOWN), notifications=INITIALISED)
    facts = replace(link(before, remote, now=at), mission=row)
    return replace(facts, **changed)  # type: ignore[arg-type]


TODO, DONE = PartState.TODO, PartState.DONE
FRESH = contract("initialised")
STUDENT_DONE = contract("in_progress", student=DONE)
COMPLETED = contract("completed", student=DONE, company=DONE)


def offered(kind: DocumentKind, version: int = 1, content: str = "") -> RemoteDocument:
    """Return a document that CACTUS offers."""
    return RemoteDocument(kind=kind, version=version, sha256=content or f"{kind}-{version}", size=1000)


def pair(version: int = 1) -> tuple[RemoteDocument, ...]:
    """Return both documents in one version."""
    return tuple(offered(kind, version) for kind in DocumentKind)


def generated(*papers: RemoteDocument, status: str = "generated") -> RemoteContract:
    """Return a contract whose documents can be downloaded."""
    return contract(status, student=DONE, company=DONE, papers=papers)


def stored(*papers: RemoteDocument) -> tuple[StoredDocument, ...]:
    """Return the vault's copies of what CACTUS offered."""
    return tuple(
        StoredDocument(
            kind=d.kind, version=d.version, remote_version=d.version, sha256=d.sha256, size=d.size,
            stored_at=AN_HOUR_AGO, file_id=f"{d.kind}-{d.version}",
        )
        for d in papers
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- letters


def said(
    event: Event, *roles: Role, cause: str = "", at: datetime = AN_HOUR_AGO,
    state: NotificationState = NotificationState.SENT,
) -> tuple[Notification, ...]:  # fmt: skip
    """Return letters of one event that were queued before."""
    return tuple(Notification(event=event, role=role, cause=cause, state=state, created_at=at) for role in roles)


INITIALISED = said(Event.CONTRACT_INITIALISED, Role.STUDENT, Role.HR_CONTACT)
TURN_OF_THE_COMPANY = said(Event.STUDENT_PART_DONE, Role.HR_CONTACT)
DECIDED = said(Event.DECISION_FAVOURABLE, Role.STUDENT, Role.HR_CONTACT, Role.CONTINUING_EDUCATION)
AVAILABLE = said(
    Event.DOCUMENTS_AVAILABLE, Role.STUDENT, Role.HR_CONTACT, Role.SUPERVISOR, cause="cerfa:1,convention:1"
)


def registered(office: Role = Role.SECRETARIAT, state: NotificationState = NotificationState.SENT) -> tuple[
    Notification, ...
]:  # fmt: skip
    """Return both registration letters."""
    return (
        *said(Event.REGISTRATION_REQUESTED, office, state=state),
        *said(Event.REGISTRATION_INVITED, Role.STUDENT, state=state),
    )


# ------------------------------------------------------------------------------------------------------ whole contracts


def decided(*papers: DocumentKind, **changed: object) -> Facts:
    """Return a professionalisation contract whose favourable decision was told."""
    documents = stored(*(offered(kind) for kind in papers))
    facts = known(PROFESSIONNALISATION, decided_at=AN_HOUR_AGO, baseline=PROFESSIONNALISATION, documents=documents)
    return replace(facts, **({"notifications": DECIDED} | changed))  # type: ignore[arg-type]


def complete(**changed: object) -> Facts:
    """Return a contract whose pair is stored and told."""
    facts = linked(generated(*pair()), documents=stored(*pair()), notifications=(*INITIALISED, *AVAILABLE))
    return replace(facts, **changed)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ what comes next


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    situation: str
    facts: Facts
    action: str
    step: Step
    policy: Policy = POLICY


def in_words(action: Action) -> str:
    """Return an action as a row of a decision table says it."""
    match action:
        case Initialise():
            return "initialise"
        case LookUp():
            return "look up"
        case ReadRemote():
            return "read"
        case FetchDocument(document=document):
            return f"fetch {document.kind} {document.version}"
        case CancelRemote(reason=reason):
            return f"cancel: {reason}"
        case Close(reason=reason):
            return f"close: {reason}"
        case Supersede(documents=documents):
            return "supersede " + " ".join(f"{d.kind} {d.version}" for d in documents)
        case Announce(letters=letters):
            return "announce " + " ".join(f"{letter.event}→{letter.role}" for letter in letters)
        case Wait(awaited=awaited, until=until):
            return f"await {awaited}" + (f" until {until:%d/%m %H:%M}" if until is not None else "")


def paris_noon(day: date) -> datetime:
    """Return an instant in the middle of a Paris day, in summer or winter."""
    return datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
