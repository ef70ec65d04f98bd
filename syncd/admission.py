"""May this mission go ahead? Every reason against it at once, with a sentence for the people concerned. Pure.

Date and data holds apply only before the first sending; afterwards only what happened since then holds a contract.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from syncd.model import (
    Asked,
    Campaign,
    Facts,
    HoldCode,
    HoldReason,
    Mission,
    Policy,
    RemoteStatus,
    changed_fields,
)
from syncd.model.remembering import remembers_last
from syncd.standing import has_been_sent, is_gone, is_over, is_withdrawn
from syncd.wellformed import is_mail_address, is_siret
from syncd.workdays import add_months, paris_day, start_of_paris_day

_REQUIRED = {
    "validated_at": "La date de validation de la mission",
    "track": "Le type de contrat (apprentissage ou professionnalisation)",
    "academic_year": "L'année universitaire",
    "programme": "La formation",
    "level": "Le niveau",
    "campus": "Le campus",
    "student_number": "Le numéro étudiant",
    "student_last_name": "Le nom de l'étudiant",
    "student_first_name": "Le prénom de l'étudiant",
    "company_name": "Le nom de l'entreprise",
    "mission_title": "L'intitulé de la mission",
}


def is_active(facts: Facts, *, now: datetime, policy: Policy, holds: Sequence[HoldReason] | None = None) -> bool:
    """Whether this mission takes its student's one place in the academic year; `holds`, if they are known already."""
    status = facts.remote.known_status if facts.remote is not None else None
    if is_over(facts) or is_withdrawn(facts) or is_gone(facts):
        return False
    if status is RemoteStatus.REFUSED or facts.asked is Asked.REFUSED:
        return False
    if has_been_sent(facts):
        return True
    reasons = holds if holds is not None else _reasons_before_sending(facts, now, policy)
    return all(reason.code is HoldCode.DUPLICATE_ACTIVE_CONTRACT for reason in reasons)


# ------------------------------------------------------------------------------------------- holds


@remembers_last
def holds_of(facts: Facts, *, now: datetime, policy: Policy) -> tuple[HoldReason, ...]:
    """Return every reason why this contract is held, in the order of the procedure; none when it may go on.

    Source: procedure, "why a contract is held back".
    """
    if is_over(facts):
        return ()
    if has_been_sent(facts):
        return tuple(_reasons_after_sending(facts, policy))
    return (*_reasons_before_sending(facts, now, policy), *_rivalry(facts, now, policy))


def campaign_opening(mission: Mission, *, now: datetime, policy: Policy) -> datetime | None:
    """Return when the calendar alone will lift a hold, `None` when it will not."""
    campaign = policy.campaigns.of(mission.academic_year)
    if campaign is None or paris_day(now) >= campaign.validation_opens_on:
        return None
    return start_of_paris_day(campaign.validation_opens_on)


def _reasons_before_sending(facts: Facts, now: datetime, policy: Policy) -> Iterator[HoldReason]:
    mission = facts.mission
    if mission.status not in ("validated", "withdrawn"):
        yield _hold(
            HoldCode.MISSION_NOT_VALIDATED,
            "status",
            "La mission n'est pas (ou plus) validée dans la FVMA : le contrat attend sa validation.",
        )
    yield from _scope(facts, policy)
    yield from _dates(mission, now, policy)
    yield from _people(mission)
    yield from _company(mission)
    yield from _words(mission, policy)
    yield from _by_hand(facts)


def _scope(facts: Facts, policy: Policy) -> Iterator[HoldReason]:
    validated_at = facts.mission.validated_at
    if policy.since is None or validated_at is None or facts.scope_waived or paris_day(validated_at) >= policy.since:
        return
    yield _hold(
        HoldCode.OUT_OF_SCOPE,
        "validated_at",
        f"La mission a été validée avant le {policy.since:%d/%m/%Y}, date de mise en service : son contrat est suivi "
        "à la main. Pour la confier à syncd : syncd release.",
    )


def _dates(mission: Mission, now: datetime, policy: Policy) -> Iterator[HoldReason]:
    for name, label in (("contract_starts_on", "de début"), ("contract_ends_on", "de fin")):
        if _is_absent(mission, name):
            yield _hold(HoldCode.DATES_MISSING, name, f"La date {label} du contrat manque dans la FVMA.")
    if mission.admission_confirmed is not True and "admission_confirmed" not in mission.unreadable:
        yield _hold(
            HoldCode.ADMISSION_PENDING,
            "admission_confirmed",
            "L'admission n'est pas encore confirmée (année en cours validée, admission en M1) : le contrat partira "
            "dès qu'elle le sera.",
        )
    if mission.academic_year is None:
        return
    campaign = policy.campaigns.of(mission.academic_year)
    if campaign is None:
        yield _hold(
            HoldCode.CAMPAIGN_UNKNOWN,
            "academic_year",
            "L'année universitaire n'est pas de la forme 2025-2026 : à corriger dans la FVMA.",
        )
        return
    yield from _dates_in_campaign(mission, campaign, now)


def _dates_in_campaign(mission: Mission, campaign: Campaign, now: datetime) -> Iterator[HoldReason]:
    start, end = mission.contract_starts_on, mission.contract_ends_on
    training_end = mission.training_ends_on or campaign.training_ends_per_programme.get(
        mission.programme or "", campaign.training_ends_on
    )
    latest_end = add_months(training_end, campaign.end_margin_months)
    if paris_day(now) < campaign.validation_opens_on:
        opens = f"{campaign.validation_opens_on:%d/%m/%Y}"
        yield _hold(
            HoldCode.CAMPAIGN_NOT_OPEN, "academic_year", f"La campagne ouvre le {opens} : rien à faire d'ici là."
        )
    if start is not None and start < campaign.earliest_start:
        earliest = f"{campaign.earliest_start:%d/%m/%Y}"
        yield _hold(
            HoldCode.START_TOO_EARLY, "contract_starts_on", f"Le contrat ne peut pas commencer avant le {earliest}."
        )
    if start is not None and start > campaign.latest_start:
        latest = f"{campaign.latest_start:%d/%m/%Y}"
        yield _hold(
            HoldCode.START_TOO_LATE, "contract_starts_on", f"Le contrat doit commencer au plus tard le {latest}."
        )
    if end is not None and end < training_end:
        last_day = f"{training_end:%d/%m/%Y}"
        yield _hold(
            HoldCode.END_BEFORE_TRAINING_END,
            "contract_ends_on",
            f"Le contrat ne peut pas finir avant le dernier jour de la formation, le {last_day}.",
        )
    if end is not None and end > latest_end:
        yield _hold(
            HoldCode.END_TOO_LATE, "contract_ends_on", f"Le contrat doit finir au plus tard le {latest_end:%d/%m/%Y}."
        )


def _people(mission: Mission) -> Iterator[HoldReason]:
    student, contact = mission.student_email, mission.hr_contact_email
    if not _is_named(mission, "student_email") and not is_mail_address(student):
        yield _hold(HoldCode.STUDENT_EMAIL_INVALID, "student_email", "L'adresse de l'étudiant manque ou est invalide.")
    for name, label in (("hr_contact_name", "Le nom"), ("hr_contact_email", "L'adresse")):
        if _is_absent(mission, name):
            yield _hold(HoldCode.HR_CONTACT_MISSING, name, f"{label} du contact RH de l'entreprise manque.")
    if contact is not None and not is_mail_address(contact):
        yield _hold(HoldCode.HR_EMAIL_INVALID, "hr_contact_email", "L'adresse du contact RH est invalide.")
    if contact is not None and student is not None and contact.casefold() == student.casefold():
        yield _hold(
            HoldCode.HR_EMAIL_EQUALS_STUDENT,
            "hr_contact_email",
            "Le contact RH a la même adresse que l'étudiant : l'adresse de l'entreprise est attendue.",
        )
    if _is_absent(mission, "mentor_name"):
        yield _hold(HoldCode.MENTOR_MISSING, "mentor_name", "Le maître d'apprentissage (tuteur) n'est pas nommé.")


def _company(mission: Mission) -> Iterator[HoldReason]:
    if not _is_named(mission, "company_siret") and not is_siret(mission.company_siret):
        yield _hold(
            HoldCode.SIRET_INVALID, "company_siret", "Le SIRET manque ou est invalide (14 chiffres, clé de contrôle)."
        )


def _words(mission: Mission, policy: Policy) -> Iterator[HoldReason]:
    if mission.programme is not None and policy.programmes and mission.programme not in policy.programmes:
        yield _hold(
            HoldCode.PROGRAMME_UNKNOWN, "programme", "La formation n'est pas dans la liste de la configuration."
        )
    if mission.campus is not None and mission.campus not in policy.campuses:
        yield _hold(HoldCode.CAMPUS_UNKNOWN, "campus", "Le campus n'est pas dans la liste de la configuration.")
    for name, label in _REQUIRED.items():
        if _is_absent(mission, name):
            yield _hold(HoldCode.FIELD_MISSING, name, f"{label} manque dans la FVMA.")
    for name in mission.unsafe:
        yield _hold(
            HoldCode.FIELD_UNSAFE, name, f"Le champ « {name} » contient des caractères interdits ou bien trop de texte."
        )
    for name in mission.unreadable:
        yield _hold(HoldCode.ROW_UNREADABLE, name, f"Le champ « {name} » est illisible dans la base de la FVMA.")


def _by_hand(facts: Facts) -> Iterator[HoldReason]:
    if facts.manual_hold is not None:
        yield _hold(HoldCode.MANUAL_HOLD, None, f"Suspendu par un administrateur : {facts.manual_hold}")
    if facts.quarantined:
        yield _hold(
            HoldCode.QUARANTINED,
            None,
            "Ce contrat a fait échouer le service trois fois de suite : à examiner avant syncd release.",
        )


def _reasons_after_sending(facts: Facts, policy: Policy) -> Iterator[HoldReason]:
    yield from _changes_since_sending(facts)
    yield from _what_cactus_says(facts, policy)
    if facts.document_fault is not None:
        yield _hold(
            HoldCode.DOCUMENT_INVALID, "documents", f"Un document reçu n'est pas utilisable : {facts.document_fault}."
        )
    yield from _by_hand(facts)


def _changes_since_sending(facts: Facts) -> Iterator[HoldReason]:
    if is_withdrawn(facts) or is_gone(facts):
        yield _hold(
            HoldCode.MISSION_WITHDRAWN,
            "status",
            "La mission a été retirée après l'envoi : à annuler (syncd cancel) ou à poursuivre (syncd release).",
        )
    elif facts.mission.status not in ("validated", "withdrawn") and not _is_accepted_status(facts):
        yield _hold(HoldCode.MISSION_NOT_VALIDATED, "status", "La mission n'est plus validée dans la FVMA.")
    if facts.baseline is None:
        return
    for name in changed_fields(facts.baseline, facts.mission):
        yield _hold(
            HoldCode.MISSION_CHANGED_SINCE_VALIDATION,
            name,
            f"Le champ « {name} » a changé après l'envoi : rien n'est réécrit, un administrateur décide.",
        )


def _is_accepted_status(facts: Facts) -> bool:
    return facts.baseline is not None and facts.baseline.status == facts.mission.status


def _what_cactus_says(facts: Facts, policy: Policy) -> Iterator[HoldReason]:
    remote = facts.remote
    if remote is not None and remote.known_status is RemoteStatus.REFUSED:
        why = remote.rejection_reason or "sans motif"
        yield _hold(HoldCode.REMOTE_REFUSED, "cactus", f"Refusé par le CFA ou l'OPCO : {why}")
    if facts.asked is Asked.REFUSED:
        yield _hold(
            HoldCode.REMOTE_REFUSED, "cactus", f"CACTUS n'accepte pas la demande : {facts.refusal or 'sans motif'}"
        )
    if facts.asked is Asked.CONFLICT:
        yield _hold(
            HoldCode.REMOTE_CONFLICT,
            "cactus",
            f"CACTUS a déjà un autre contrat pour cette mission : {facts.conflict or 'à comparer'}. "
            "À rattacher (syncd adopt) ou à corriger dans CACTUS.",
        )
    if facts.is_missing_remotely:
        yield _hold(HoldCode.REMOTE_MISSING, "cactus", "CACTUS ne connaît plus ce contrat : à vérifier auprès du CFA.")
    if _is_a_question_to_a_person(facts, policy):
        yield _hold(
            HoldCode.REMOTE_OUTCOME_UNKNOWN,
            "cactus",
            "Création sans réponse, CACTUS ne peut pas être consulté : y vérifier, puis syncd adopt "
            "(le contrat y est) ou syncd release (il n'y est pas).",
        )


def _is_a_question_to_a_person(facts: Facts, policy: Policy) -> bool:
    remote = policy.capabilities
    is_unknown = facts.contract_id is None and facts.asked in (Asked.UNKNOWN, Asked.UNDER_WAY)
    return is_unknown and not remote.look_up and not remote.idempotency_keys


def _rivalry(facts: Facts, now: datetime, policy: Policy) -> Iterator[HoldReason]:
    """Of two missions of one student in one academic year, the one already sent goes on, else the older one."""
    mine = _seniority(facts, now)
    for rival in facts.rivals:
        if not is_active(rival, now=now, policy=policy):
            continue
        if has_been_sent(rival) or _seniority(rival, now) < mine:
            yield _hold(
                HoldCode.DUPLICATE_ACTIVE_CONTRACT,
                "student_number",
                f"L'étudiant a déjà un contrat en cours cette année : mission {rival.mission_id}.",
            )


def _seniority(facts: Facts, now: datetime) -> tuple[datetime, str]:
    return facts.mission.validated_at or now, facts.mission_id


# ------------------------------------------------------------------------------------- small words


def _is_named(mission: Mission, name: str) -> bool:
    """Whether the column is reported by itself already, as unreadable or unsafe."""
    return name in mission.unreadable or name in mission.unsafe


def _is_absent(mission: Mission, name: str) -> bool:
    return getattr(mission, name) is None and not _is_named(mission, name)


def _hold(code: HoldCode, field: str | None, message: str) -> HoldReason:
    return HoldReason(code=code, field=field, message=message)
