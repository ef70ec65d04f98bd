"""Is it well formed? Addresses and numbers of companies, judged by libraries. Pure."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from stdnum.exceptions import ValidationError
from stdnum.fr import siret

_REMEMBERED = 512
"""Judgements: a contract is looked at several times within a second."""

_PLAIN_PERSON = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*", re.ASCII)
_LONGEST_PERSON = 64
_LONGEST_ADDRESS = 254


@lru_cache(maxsize=_REMEMBERED)
def is_mail_address(address: str | None) -> bool:
    """Whether this is one well-formed mail address, without asking any server."""
    person, _, domain = (address or "").partition("@")
    if len(person) <= _LONGEST_PERSON and len(address or "") <= _LONGEST_ADDRESS and _PLAIN_PERSON.fullmatch(person):
        return _is_valid(f"a@{domain}")  # nearly everybody: only the domain is to be judged, and there are few of them
    return _is_valid(address)


@lru_cache(maxsize=_REMEMBERED)
def _is_valid(address: str | None) -> bool:
    if address is None:
        return False
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@lru_cache(maxsize=_REMEMBERED)
def is_siret(number: str | None) -> bool:
    """Whether these are the 14 digits of a SIRET with a right check digit; La Poste counts otherwise."""
    if number is None or len(number) != 14 or not (number.isascii() and number.isdecimal()):
        return False
    try:
        siret.validate(number)
    except ValidationError:
        return False
    return True
