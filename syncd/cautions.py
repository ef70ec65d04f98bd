"""What a person should know of a contract although nothing waits for it. Pure."""

from collections.abc import Iterator
from datetime import date, datetime

from syncd.model import Facts, Mission, Policy, RemoteStatus, Track, Warned, WarningCode
from syncd.standing import has_been_sent, is_over
from syncd.workdays import add_months, filing_deadline, paris_day

_FILED = frozenset({RemoteStatus.TRANSMITTED, RemoteStatus.FILED})


def warnings_of(facts: Facts, *, now: datetime, policy: Policy) -> tuple[Warned, ...]:
    """Return what a person should know although nothing waits for it."""
    if is_over(facts):
        return ()
    return tuple(_warnings(facts, now, policy))


def is_late_request(mission: Mission, policy: Policy) -> bool:
    """Whether the contract was asked for too shortly before it starts; decided by the row alone, in Paris days."""
    asked_at, start = mission.submitted_at or mission.validated_at, mission.contract_starts_on
    return asked_at is not None and start is not None and (start - paris_day(asked_at)).days < policy.late_request_days


def _warnings(facts: Facts, now: datetime, policy: Policy) -> Iterator[Warned]:
    mission, start, today = facts.mission, facts.mission.contract_starts_on, paris_day(now)
    if is_late_request(mission, policy):
        yield Warned(
            code=WarningCode.LATE_REQUEST,
            message=f"Demandé moins de {policy.late_request_days} jours avant le début du contrat : urgent.",
        )
    if start is not None and start < today and not has_been_sent(facts):
        yield Warned(code=WarningCode.START_IN_PAST, message=f"Le contrat devait commencer le {start:%d/%m/%Y}.")
    if len(mission.mission_description or "") < policy.short_text_characters:
        yield Warned(code=WarningCode.MISSION_TEXT_SHORT, message="Le descriptif de la mission est très court.")
    yield from _legal_warnings(facts, now, policy)
    yield from _remote_warnings(facts, now, policy)


def _legal_warnings(facts: Facts, now: datetime, policy: Policy) -> Iterator[Warned]:
    mission, start = facts.mission, facts.mission.contract_starts_on
    if start is None:
        return
    deadline, status = filing_deadline(start), facts.remote.known_status if facts.remote is not None else None
    is_near = (deadline - paris_day(now)).days <= policy.filing_notice_days
    if mission.track is Track.APPRENTISSAGE and status not in _FILED and is_near:
        yield Warned(
            code=WarningCode.FILING_DEADLINE_NEAR,
            message=f"Le contrat signé est attendu par l'OPCO au plus tard le {deadline:%d/%m/%Y}.",
        )
    training_start = _training_start(mission, policy)
    if training_start is not None and training_start > add_months(start, 3):
        yield Warned(
            code=WarningCode.TRAINING_START_FAR,
            message="La formation commence plus de trois mois après le début du contrat.",
        )


def _training_start(mission: Mission, policy: Policy) -> date | None:
    if mission.training_starts_on is not None:
        return mission.training_starts_on
    campaign = policy.campaigns.of(mission.academic_year)
    return campaign.training_starts_on if campaign is not None else None


def _remote_warnings(facts: Facts, now: datetime, policy: Policy) -> Iterator[Warned]:
    remote = facts.remote
    if remote is None:
        return
    if remote.known_status is None:
        yield Warned(
            code=WarningCode.REMOTE_STATUS_UNKNOWN,
            message=f"CACTUS emploie un statut inconnu (« {remote.status} ») : syncd continue, à signaler.",
        )
    since = facts.status_since if remote.known_status is RemoteStatus.COMPLETED else None
    if since is not None and now - since > policy.patience.generation_slow_after:
        yield Warned(
            code=WarningCode.GENERATION_SLOW,
            message="Les deux parties sont remplies et le CFA n'a pas encore généré les documents : à relancer.",
        )
