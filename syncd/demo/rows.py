"""How the FVMA application of the demo writes people, companies, days and instants. Pure."""

from collections.abc import Mapping
from datetime import date, datetime

from syncd.demo.people import company, student

Value = str | int | None
Row = Mapping[str, Value]


def student_columns(number: int) -> Row:
    """Return what a row says of its student."""
    who = student(number)
    return {
        "student_number": who.number,
        "student_last_name": who.last_name,
        "student_first_name": who.first_name,
        "student_email": who.email,
    }


def company_columns(number: int) -> Row:
    """Return what a row says of its company."""
    where = company(number)
    return {
        "company_siret": where.siret,
        "company_name": where.name,
        "hr_contact_name": where.contact_name,
        "hr_contact_email": where.contact_email,
        "mentor_name": where.mentor_name,
        "mentor_email": where.mentor_email,
    }


def written_day(day: date) -> str:
    """Return a day as this store writes all of them."""
    return day.isoformat()


def written(moment: datetime) -> str:
    """Return an instant as this store writes all of them: UTC, without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
