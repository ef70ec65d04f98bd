"""Invented students and companies: no name, number or address here belongs to anybody. Pure."""

from dataclasses import dataclass
from unicodedata import normalize

from stdnum import luhn

FIRST_NAMES = (
    "Camille", "Yanis", "Inès", "Théo", "Salomé", "Malik", "Léa", "Nolwenn", "Rayan", "Clémence", "Bao", "Maëlle",
    "Idriss", "Zoé", "Anselme", "Fatou", "Gaspard", "Aïcha", "Ronan", "Éléonore", "Sofiane", "Margaux", "Tiago",
    "Lucie", "Kenza", "Achille", "Manon", "Elio", "Jeanne", "Octave",
)  # fmt: skip
LAST_NAMES = (
    "Delorme", "Benkhira", "Faugères", "Tavernel", "N’Dour", "Castelmont", "Ravello", "Le Goascoz", "Amrane",
    "Pujolas", "Nguyen-Valat", "Sauvebonne", "Traouret", "Mistralli", "Oudart", "Diabakhou", "Lacaille", "Zerrouq",
    "Kervadec", "Montbriant", "Haddaoui", "Vaucluse", "Ferreirinha", "Estaque", "Bellanger", "Garidel", "Roumanille",
    "Colombani", "Szymaniak", "Dussolier", "Peyrelongue",
)  # fmt: skip
CONTACTS = ("Claire Vasseur", "Hugo Brémond", "Nadia Lesourd", "Paul-Henri Aubrac", "Sylvie Montagnac", "Karim Belaïd")
MENTORS = ("Olivier Tessandier", "Samira Kaddouri", "Benoît Chaumeil", "Élodie Rivoire", "Marc Santoni", "Judith Alvès")
COMPANIES = (
    "Calanque Systèmes", "Atelier du Mistral", "Garrigue Logistique", "Les Données du Vieux-Port", "Sainte-Victoire IA",
    "Brise-Lames Assurances", "Tamaris Santé", "Mutuelle des Embruns", "Cigale Énergies", "Phare & Code",
    "Pinède Mobilités", "Restanque Conseil",
)  # fmt: skip
_FREE_PREFIX = "9999"
"""No SIREN that begins like this was ever given out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """Somebody who does not exist."""

    number: str
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company that does not exist."""

    name: str
    siret: str
    contact_name: str
    contact_email: str
    mentor_name: str
    mentor_email: str


def student(number: int) -> Student:
    """Return the student of this number; the names repeat after 930."""
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    email = f"{_plain(first)}.{_plain(last)}.{number}@etu.example.org"
    return Student(number=f"{22_000_000 + number}", first_name=first, last_name=last, email=email)


def company(number: int) -> Company:
    """Return a company and the two people there who look after a student."""
    place = number % len(COMPANIES)
    name, contact, mentor = COMPANIES[place], CONTACTS[number % len(CONTACTS)], MENTORS[(number + 2) % len(MENTORS)]
    domain = f"{_plain(name)}.example.com"
    return Company(
        name=name,
        siret=synthetic_siret(place),
        contact_name=contact,
        contact_email=f"{_plain(contact)}@{domain}",
        mentor_name=mentor,
        mentor_email=f"{_plain(mentor)}@{domain}",
    )


def synthetic_siret(place: int) -> str:
    """Return 14 digits that pass every check and name no company: SIREN and SIRET each end with a Luhn digit."""
    siren = _with_luhn_digit(f"{_FREE_PREFIX}{place:04d}")
    return _with_luhn_digit(f"{siren}0001")


def _with_luhn_digit(digits: str) -> str:
    return f"{digits}{luhn.calc_check_digit(digits)}"


def _plain(name: str) -> str:
    """Return a name as a mail address may have it."""
    letters = "".join(letter if letter.isalnum() else "-" for letter in normalize("NFD", name) if letter.isprintable())
    return "-".join(part for part in letters.encode("ascii", "ignore").decode().lower().split("-") if part)
