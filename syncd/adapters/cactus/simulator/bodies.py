"""The body that asks for a contract, read strictly (interfaces, section 2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from stdnum.fr import siret as siret_number

from syncd.adapters.cactus.simulator.problems import FieldError, invalid

LONGEST_TEXT = 300
LONGEST_DESCRIPTION = 20_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ContractBody:
    """Everything that CACTUS is told about a contract when it is created. Its repr shows none of it."""

    external_reference: str | None
    academic_year: str
    student_number: str
    student_last_name: str
    student_first_name: str
    student_email: str
    company_siret: str
    company_name: str
    hr_contact_name: str
    hr_contact_email: str
    mentor_name: str
    mentor_email: str | None
    programme: str
    level: str
    campus: str
    training_starts_on: date
    training_ends_on: date
    contract_starts_on: date
    contract_ends_on: date
    mission_title: str
    mission_description: str | None
    validated_at: datetime | None

    @property
    def student_name(self) -> str:
        """First name, then last name."""
        return f"{self.student_first_name} {self.student_last_name}"


def read_body(document: object, *, typed_by_hand: bool = False) -> ContractBody:
    """Return what a body says. A contract typed by hand needs no external reference.

    Raises:
        Problem: 422 `invalid`, with every error at once.
    """
    read = _Reader(document)
    body = _read_fields(read, is_reference_optional=typed_by_hand)
    read.word("contract.type", "apprentissage")
    read.in_order("training.ends_on", body.training_starts_on, body.training_ends_on)
    read.in_order("contract.ends_on", body.contract_starts_on, body.contract_ends_on)
    if read.errors:
        raise invalid(read.errors)
    return body


def _read_fields(read: "_Reader", *, is_reference_optional: bool) -> ContractBody:
    return ContractBody(
        external_reference=(read.optional_text if is_reference_optional else read.text)("external_reference"),
        academic_year=read.academic_year("academic_year"),
        student_number=read.text("student.number"),
        student_last_name=read.text("student.last_name"),
        student_first_name=read.text("student.first_name"),
        student_email=read.email("student.email"),
        company_siret=read.siret("company.siret"),
        company_name=read.text("company.name"),
        hr_contact_name=read.text("hr_contact.name"),
        hr_contact_email=read.email("hr_contact.email"),
        mentor_name=read.text("mentor.name"),
        mentor_email=read.optional_text("mentor.email"),
        programme=read.text("training.programme"),
        level=read.text("training.level"),
        campus=read.text("training.campus"),
        training_starts_on=read.day("training.starts_on"),
        training_ends_on=read.day("training.ends_on"),
        contract_starts_on=read.day("contract.starts_on"),
        contract_ends_on=read.day("contract.ends_on"),
        mission_title=read.text("mission.title"),
        mission_description=read.optional_text("mission.description", longest=LONGEST_DESCRIPTION),
        validated_at=read.optional_instant("mission.validated_at"),
    )


class _Reader:
    """Reads values by dotted path and collects what is wrong; a wrong value reads as a harmless one."""

    def __init__(self, document: object) -> None:
        self.errors: list[FieldError] = []
        self._document = document

    def text(self, path: str, *, longest: int = LONGEST_TEXT) -> str:
        text = self.optional_text(path, longest=longest)
        if text is None:
            self._say(path, "Ce champ est obligatoire.")
        return text or ""

    def optional_text(self, path: str, *, longest: int = LONGEST_TEXT) -> str | None:
        value = self._value(path)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self._say(path, "Un texte est attendu.")
            return ""
        if len(value) > longest:
            self._say(path, f"Ce texte dépasse {longest} caractères.")
        if not (value.isprintable() or all(sign.isprintable() or sign in "\n\t" for sign in value)):
            self._say(path, "Ce texte contient des caractères interdits.")
        return value

    def email(self, path: str) -> str:
        def check(text: str) -> str:
            local, at, domain = text.rpartition("@")
            if not (local and at and "." in domain) or any(character.isspace() for character in text):
                raise ValueError
            return text

        return self._parsed(path, check, "Une adresse électronique est attendue.", "")

    def siret(self, path: str) -> str:
        def check(text: str) -> str:
            if len(text) != 14 or not (text.isascii() and text.isdecimal() and siret_number.is_valid(text)):
                raise ValueError
            return text

        return self._parsed(path, check, "Un SIRET valide de 14 chiffres est attendu.", "")

    def academic_year(self, path: str) -> str:
        def check(text: str) -> str:
            first, _, second = text.partition("-")
            if len(text) != 9 or not text.isascii() or int(second) != int(first) + 1:
                raise ValueError
            return text

        return self._parsed(path, check, "Une année universitaire « AAAA-AAAA » est attendue.", "")

    def day(self, path: str) -> date:
        def check(text: str) -> date:
            day = date.fromisoformat(text)
            if day.isoformat() != text:
                raise ValueError
            return day

        return self._parsed(path, check, "Un jour « AAAA-MM-JJ » est attendu.", date.min)

    def optional_instant(self, path: str) -> datetime | None:
        def check(text: str) -> datetime:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError
            return instant

        return (
            None
            if self._value(path) is None
            else self._parsed(path, check, "Un instant avec fuseau est attendu.", None)
        )

    def word(self, path: str, expected: str) -> None:
        if self._value(path) != expected:
            self._say(path, f"« {expected} » est attendu.")

    def in_order(self, path: str, first: date, last: date) -> None:
        if date.min not in (first, last) and last < first:
            self._say(path, "La fin précède le début.")

    def _parsed(self, path: str, parse: Callable[[str], Value], complaint: str, otherwise: Value) -> Value:
        known = len(self.errors)
        text = self.text(path)
        if len(self.errors) > known:
            return otherwise
        try:
            return parse(text)
        except ValueError:
            self._say(path, complaint)
            return otherwise

    def _value(self, path: str) -> object:
        value = self._document
        for name in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def _say(self, path: str, message: str) -> None:
        self.errors.append(FieldError(field=path, message=message))
