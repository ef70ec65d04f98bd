"""What the student and the company are asked, besides what CACTUS knows already. Nobody is ever asked for a NIR."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from syncd.adapters.cactus.simulator.contracts import Contract

Side = Literal["student", "company"]

LONGEST_ANSWER = 120
YES_NO = ("Non", "Oui")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One field of a form. With `choices` it is a list to choose from; `example` is the invented answer."""

    name: str
    label: str
    example: str
    kind: Literal["text", "date", "tel", "email"] = "text"
    choices: tuple[str, ...] = ()
    autocomplete: str = "off"
    pattern: str = ""
    hint: str = ""
    is_short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Questions that belong together."""

    title: str
    questions: tuple[Question, ...]


STUDENT_FORM: tuple[Chapter, ...] = (
    Chapter(
        title="État civil",
        questions=(
            Question(name="birth_date", label="Date de naissance", example="2003-04-17", kind="date",
                     autocomplete="bday", is_short=True),
            Question(name="gender", label="Sexe", example="F", choices=("F", "M"), is_short=True),
            Question(name="birth_town", label="Commune de naissance", example="Arles"),
            Question(name="birth_department", label="Département de naissance", example="13", pattern="[0-9AB]{2,3}",
                     hint="Par exemple 13 ; 99 pour l’étranger.", is_short=True),
            Question(name="nationality", label="Nationalité", example="Française",
                     choices=("Française", "Union européenne", "Étrangère hors Union européenne")),
            Question(name="social_scheme", label="Régime social", example="URSSAF", choices=("URSSAF", "MSA"),
                     is_short=True),
        ),
    ),
    Chapter(
        title="Coordonnées",
        questions=(
            Question(name="street", label="Numéro et voie", example="12 rue des Exemples",
                     autocomplete="address-line1"),
            Question(name="postcode", label="Code postal", example="13100", pattern="[0-9]{5}",
                     autocomplete="postal-code", hint="Cinq chiffres.", is_short=True),
            Question(name="town", label="Commune", example="Aix-en-Provence", autocomplete="address-level2"),
            Question(name="phone", label="Téléphone", example="06 00 00 00 00", kind="tel", autocomplete="tel",
                     is_short=True),
        ),
    ),
    Chapter(
        title="Parcours",
        questions=(
            Question(name="situation_before", label="Situation avant ce contrat", example="Étudiant",
                     choices=("Étudiant", "Contrat d’apprentissage", "Salarié", "Recherche d’emploi", "Autre")),
            Question(name="last_class", label="Dernière classe ou année suivie", example="Master 1, validée"),
            Question(name="last_diploma", label="Dernier diplôme ou titre préparé", example="Licence MIAGE"),
            Question(name="highest_diploma", label="Diplôme le plus élevé obtenu", example="Licence (bac + 3)"),
            Question(name="athlete", label="Inscrit sur la liste des sportifs de haut niveau", example="Non",
                     choices=YES_NO, is_short=True),
            Question(name="disabled_worker", label="Reconnaissance travailleur handicapé", example="Non",
                     choices=YES_NO, is_short=True),
        ),
    ),
)  # fmt: skip

COMPANY_FORM: tuple[Chapter, ...] = (
    Chapter(
        title="Établissement d’exécution du contrat",
        questions=(
            Question(name="employer_kind", label="Type d’employeur", example="Employeur privé",
                     choices=("Employeur privé", "Employeur public")),
            Question(name="street", label="Numéro et voie", example="4 avenue de la Simulation"),
            Question(name="postcode", label="Code postal", example="13002", pattern="[0-9]{5}",
                     hint="Cinq chiffres.", is_short=True),
            Question(name="town", label="Commune", example="Marseille"),
            Question(name="phone", label="Téléphone", example="04 00 00 00 00", kind="tel", is_short=True),
            Question(name="ape_code", label="Code activité (APE)", example="6202A", pattern="[0-9]{4}[A-Z]",
                     hint="Quatre chiffres et une lettre.", is_short=True),
            Question(name="headcount", label="Effectif total salariés", example="140", pattern="[0-9]{1,7}",
                     is_short=True),
            Question(name="idcc", label="Convention collective (code IDCC)", example="1486", pattern="[0-9]{1,4}",
                     is_short=True),
        ),
    ),
    Chapter(
        title="Maître d’apprentissage",
        questions=(
            Question(name="mentor_birth_date", label="Date de naissance", example="1984-11-02", kind="date",
                     is_short=True),
            Question(name="mentor_job", label="Emploi occupé", example="Responsable d’études informatiques"),
            Question(name="mentor_diploma", label="Diplôme le plus élevé obtenu", example="Master (bac + 5)"),
        ),
    ),
    Chapter(
        title="Conditions du contrat",
        questions=(
            Question(name="practice_starts_on", label="Début de la formation pratique chez l’employeur",
                     example="", kind="date", is_short=True),
            Question(name="weekly_hours", label="Durée hebdomadaire du travail (heures)", example="35",
                     pattern="[0-9]{1,2}", is_short=True),
            Question(name="dangerous_machines", label="Travail sur machines dangereuses ou risques particuliers",
                     example="Non", choices=YES_NO, is_short=True),
            Question(name="pay_share", label="Rémunération, en % du SMIC", example="61", pattern="[0-9]{2,3}",
                     is_short=True),
            Question(name="gross_salary", label="Salaire brut mensuel à l’embauche (€)", example="1 099,05",
                     pattern="[0-9][0-9  ]*(,[0-9]{2})?", is_short=True),
            Question(name="pension_fund", label="Caisse de retraite complémentaire", example="Caisse Exemple"),
            Question(name="signed_at", label="Fait à", example="Marseille", is_short=True),
        ),
    ),
)  # fmt: skip

FORMS: Mapping[Side, tuple[Chapter, ...]] = {"student": STUDENT_FORM, "company": COMPANY_FORM}


def invented_answers(side: Side, contract: Contract) -> dict[str, str]:
    """Return plausible answers to every question of a side, those already typed first."""
    typed = contract.student.typed if side == "student" else contract.company.typed
    examples = {question.name: question.example for question in questions(side)}
    if side == "company":
        examples["practice_starts_on"] = contract.body.contract_starts_on.isoformat()
    return {**examples, **{name: text for name, text in typed.items() if text}}


def questions(side: Side) -> tuple[Question, ...]:
    """Return every question of a side, in the order of the form."""
    return tuple(question for chapter in FORMS[side] for question in chapter.questions)


def read_answers(side: Side, sent: Mapping[str, str]) -> dict[str, str]:
    """Return the answers to the questions of a side; anything else that was sent is ignored."""
    return {question.name: sent.get(question.name, "").strip()[:LONGEST_ANSWER] for question in questions(side)}


def faults_of(side: Side, answers: Mapping[str, str]) -> dict[str, str]:
    """Return what is missing or wrong before a part can be finished: a French sentence per question."""
    found = {question.name: _fault_of(question, answers.get(question.name, "")) for question in questions(side)}
    return {name: sentence for name, sentence in found.items() if sentence is not None}


def _fault_of(question: Question, answer: str) -> str | None:
    if not answer:
        return "Ce champ est obligatoire."
    if question.choices and answer not in question.choices:
        return "Choisissez une des réponses proposées."
    if question.kind == "date" and not _is_day(answer):
        return "Indiquez une date existante."
    if question.pattern and not re.fullmatch(question.pattern, answer):
        return question.hint or "Cette réponse n’a pas la forme attendue."
    return None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
