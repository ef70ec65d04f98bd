"""What a letter may say of one contract: every value is a French text, ready to be shown. Pure."""

from dataclasses import dataclass
from datetime import date

from syncd.adapters.mail import french
from syncd.adapters.mail.context import ANY_SECRETARIAT, LetterContext, Office
from syncd.model import DocumentKind, Facts, Mission, Track

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractView:
    """One contract in words. Nothing is `None` but the two links, which CACTUS may not give."""

    reference: str
    student: str
    student_of: str
    """`de Camille Durand`, `d'Alice Martin`."""
    first_name: str
    company: str
    hr_contact: str
    kind: str
    is_apprenticeship: bool
    level: str
    starts: str
    has_started: bool
    due: str
    student_url: str | None
    company_url: str | None
    reason: str
    ending: str
    has_documents: bool
    papers_of_contract: str
    office: Office
    papers_to_bring: tuple[str, ...]
    rows: Rows
    """For the student and the company."""
    full_rows: Rows
    """For the offices: everything they need, and never a social security number."""


def view_of(facts: Facts, context: LetterContext, *, written_on: date) -> ContractView:
    """Return what a letter written on this Paris day may say: the mission as it was announced, else as it is."""
    mission = context.campaigns.with_training_dates(facts.baseline or facts.mission)
    remote = facts.remote
    is_apprenticeship = mission.track is not Track.PROFESSIONNALISATION
    convention = "la convention d'accompagnement" if is_apprenticeship else "la convention de formation"
    return ContractView(
        reference=french.plain(facts.mission_id),
        student=_student(mission),
        student_of=french.of(_student(mission)),
        first_name=french.plain(mission.student_first_name, default=""),
        company=french.plain(mission.company_name, default="l'entreprise"),
        hr_contact=french.plain(mission.hr_contact_name, default=""),
        kind=french.KINDS[mission.track],
        is_apprenticeship=is_apprenticeship,
        level=french.plain(mission.level, default=""),
        starts=french.long_day(mission.contract_starts_on),
        has_started=mission.contract_starts_on is None or mission.contract_starts_on <= written_on,
        due=french.deadline(written_on=written_on, days=context.fill_within_days, starts=mission.contract_starts_on),
        student_url=french.safe_link(remote.student_url) if remote else None,
        company_url=french.safe_link(remote.company_url) if remote else None,
        reason=_reason(facts),
        ending=french.ENDINGS.get(remote.status, "annulé") if remote else "annulé",
        has_documents=all(facts.current_document(kind) for kind in DocumentKind),
        papers_of_contract=f"le Cerfa ({french.KINDS[mission.track]}) et {convention}",
        office=_office(mission, context),
        papers_to_bring=context.papers.get(mission.track or Track.APPRENTISSAGE, ()),
        rows=_rows(mission),
        full_rows=_full_rows(mission),
    )


def _student(mission: Mission) -> str:
    names = f"{mission.student_first_name or ''} {mission.student_last_name or ''}"
    return french.plain(names, default="l'étudiant")


def _reason(facts: Facts) -> str:
    remote = facts.remote
    said = (remote.rejection_reason if remote else None) or facts.refusal
    return french.shorten(french.plain(said, default="aucun motif n'a été donné"), 600)


def _office(mission: Mission, context: LetterContext) -> Office:
    if mission.track is Track.PROFESSIONNALISATION:
        return context.continuing_education
    return context.secretariats.get(mission.campus or "", ANY_SECRETARIAT)


def _rows(mission: Mission) -> Rows:
    return (
        ("Étudiant", _student(mission)),
        ("Formation", french.plain(mission.programme)),
        ("Entreprise", french.plain(mission.company_name)),
        ("Mission", french.shorten(french.plain(mission.mission_title), 160)),
        (_mentor_label(mission), french.plain(mission.mentor_name)),
        ("Contrat", french.period(mission.contract_starts_on, mission.contract_ends_on)),
        ("Référence", french.plain(mission.mission_id)),
    )


def _full_rows(mission: Mission) -> Rows:
    campus = mission.campus or ""
    contact = f"{mission.hr_contact_name or ''} ({mission.hr_contact_email})" if mission.hr_contact_email else None
    return (
        ("Étudiant", _student(mission)),
        ("Numéro étudiant", french.plain(mission.student_number)),
        ("Courriel", french.plain(mission.student_email)),
        ("Formation", french.plain(mission.programme)),
        ("Niveau", french.plain(mission.level)),
        ("Campus", french.CAMPUSES.get(campus, french.plain(campus))),
        ("Année", french.plain(mission.academic_year)),
        ("Dates de formation", french.period(mission.training_starts_on, mission.training_ends_on)),
        ("Entreprise", french.plain(mission.company_name)),
        ("SIRET", french.plain(mission.company_siret)),
        ("Contact RH", french.plain(contact)),
        (_mentor_label(mission), french.plain(mission.mentor_name)),
        ("Type", french.KINDS[mission.track]),
        ("Dates du contrat", french.period(mission.contract_starts_on, mission.contract_ends_on)),
        ("Référence", french.plain(mission.mission_id)),
    )


def _mentor_label(mission: Mission) -> str:
    return "Tuteur" if mission.track is Track.PROFESSIONNALISATION else "Maître d'apprentissage"
