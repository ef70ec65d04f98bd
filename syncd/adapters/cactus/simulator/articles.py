"""The words of the convention d'accompagnement."""

from dataclasses import dataclass

from syncd.adapters.cactus.simulator.bodies import ContractBody
from syncd.adapters.cactus.simulator.vocabulary import french_day, grouped_siret

LONGEST_MISSION_TEXT = 900

PURPOSE = """\
La présente convention précise comment l’établissement et l’entreprise accompagnent ensemble l’apprenti(e) pendant son \
contrat d’apprentissage."""

MENTOR_DUTIES = """\
L’entreprise désigne comme maître d’apprentissage {mentor}, qui accueille l’apprenti(e), organise son travail et \
vérifie qu’il correspond à la mission validée.
L’entreprise laisse à l’apprenti(e) le temps de suivre tous les enseignements et examens."""

TUTOR_DUTIES = """\
L’établissement désigne un tuteur universitaire. Il rencontre l’apprenti(e) et le maître d’apprentissage au moins deux \
fois par an, dont une fois dans l’entreprise si possible.
Le livret de l’apprenti(e) garde la trace de ces rencontres et des compétences acquises."""

ATTENDANCE = """\
L’apprenti(e) suit tous les enseignements ; toute absence est signalée à l’entreprise sous deux jours ouvrés."""

CHANGES = """\
La mission validée ne peut être modifiée sans l’accord de l’établissement. Chaque partie informe les deux autres sans \
délai de tout événement qui pourrait mettre fin au contrat."""

DISCRETION = """\
Chaque partie garde confidentielles les informations de l’entreprise. La soutenance peut être à huis clos à la demande \
de l’entreprise."""

FICTION = "Ce document est produit par un simulateur pour des essais. Il n’engage personne."


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article; each line of its text is a paragraph."""

    title: str
    text: str


def parties_of(body: ContractBody) -> tuple[str, ...]:
    """Return one sentence per party."""
    university = f"l’établissement de formation : Aix-Marseille Université, parcours MIAGE, campus : {body.campus}"
    company = f"l’entreprise : {body.company_name}, SIRET {grouped_siret(body.company_siret)}"
    apprentice = f"l’apprenti(e) : {body.student_name}, numéro étudiant {body.student_number}"
    return (
        f"{university}, ci-après « l’établissement » ;",
        f"{company}, représentée par {body.hr_contact_name}, ci-après « l’entreprise » ;",
        f"{apprentice}, inscrit(e) en {body.programme} ({body.level}), ci-après « l’apprenti(e) » ;",
    )


def articles_of(body: ContractBody) -> tuple[Article, ...]:
    """Return the articles, in order."""
    return (
        Article(title="Objet", text=PURPOSE),
        Article(title="Mission confiée", text=_mission(body)),
        Article(title="Durée", text=_duration(body)),
        Article(title="Accompagnement en entreprise", text=MENTOR_DUTIES.format(mentor=body.mentor_name)),
        Article(title="Accompagnement à l’université", text=TUTOR_DUTIES),
        Article(title="Assiduité", text=ATTENDANCE),
        Article(title="Modification et rupture", text=CHANGES),
        Article(title="Confidentialité", text=DISCRETION),
        Article(title="Caractère fictif", text=FICTION),
    )


def _mission(body: ContractBody) -> str:
    description = " ".join((body.mission_description or "").split())
    if len(description) > LONGEST_MISSION_TEXT:
        description = description[:LONGEST_MISSION_TEXT] + "…"
    return f"Intitulé : {body.mission_title}\n{description}".strip()


def _duration(body: ContractBody) -> str:
    contract = f"Le contrat court du {french_day(body.contract_starts_on)} au {french_day(body.contract_ends_on)}."
    training = f"La formation a lieu du {french_day(body.training_starts_on)} au {french_day(body.training_ends_on)}."
    return f"{contract} {training}"
