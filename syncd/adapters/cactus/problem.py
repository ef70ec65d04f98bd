"""Reads what CACTUS says of an error (RFC 9457), believing little and repeating nothing. Pure.

A server's message may echo a name or an address: of a problem only its type, our own field names and the id of the
contract that is in the way are taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from syncd.adapters.cactus.exchange import Answer
from syncd.adapters.cactus.values import Unreadable, read_contract_id, read_json

LONGEST_WAIT = timedelta(hours=1)
_MOST_FIELDS = 50

_PARTS_OF_THE_BODY = {
    "student": ("number", "last_name", "first_name", "email"),
    "company": ("siret", "name"),
    "hr_contact": ("name", "email"),
    "mentor": ("name", "email"),
    "training": ("programme", "level", "campus", "starts_on", "ends_on"),
    "contract": ("type", "starts_on", "ends_on"),
    "mission": ("title", "description", "validated_at"),
}

FIELD_PATHS = frozenset(
    ["external_reference", "academic_year", "reason", *_PARTS_OF_THE_BODY]
    + [f"{part}.{name}" for part, names in _PARTS_OF_THE_BODY.items() for name in names]
)
"""Every name in what syncd sends: the only names of fields that it repeats from an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What an error answer says, as far as it is safe to know."""

    word: str = ""
    """The last word of the problem's type, or of its title: `reference-exists`."""
    fields: tuple[str, ...] = ()
    contract_id: str | None = None


def read_problem(answer: Answer) -> Problem:
    """Return what the body says; of a body that is no JSON object, nothing."""
    try:
        said = read_json(answer.body)
    except Unreadable:
        return Problem()
    if not isinstance(said, dict):
        return Problem()
    return Problem(
        word=_word_of(said.get("type"), said.get("title")),
        fields=tuple(dict.fromkeys(_fields_of(said.get("errors")))),
        contract_id=_contract_id_of(said.get("contract_id")),
    )


def retry_delay(value: str | None, *, now: datetime) -> timedelta | None:
    """Return how long `Retry-After` asks to wait, at most an hour; `None` when it says nothing sensible.

    Seconds or an HTTP date; a moment that is past is no wait at all.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch("-[0-9]+", value):
        return timedelta()
    if re.fullmatch("[0-9]+", value):
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(timedelta(), min(moment - now, LONGEST_WAIT))
    except (ValueError, OverflowError):
        return None


def _word_of(type_: object, title: object) -> str:
    """Return `reference-exists` for the bare word, a URI that ends in it, or a title that says it."""
    word = _slug(re.split(r"[/:#?]", type_.rstrip("/#?"))[-1]) if isinstance(type_, str) else ""
    if word in {"", "blank"} and isinstance(title, str):
        word = _slug(title)
    return word


def _slug(text: str) -> str:
    return re.sub(r"[\s_-]+", "-", text.strip().lower())[:100]


def _fields_of(errors: object) -> Iterator[str]:
    """Yield those of our own field paths that the errors name, however they are written."""
    if not isinstance(errors, list):
        return
    for error in errors[:_MOST_FIELDS]:
        named = error.get("field", error.get("pointer")) if isinstance(error, dict) else None
        if isinstance(named, str):
            yield _our_name(named)


def _our_name(named: str) -> str:
    words = re.findall(r"[A-Za-z0-9_]+", named[:200])
    for start in range(len(words)):
        path = ".".join(words[start:])
        if path in FIELD_PATHS:
            return path
    return "a field unknown here"


def _contract_id_of(said: object) -> str | None:
    try:
        return read_contract_id(said)
    except Unreadable:
        return None
