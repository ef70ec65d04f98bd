"""Reads single values out of the remote's JSON, believing as little as possible. Pure.

A value that makes no sense is `None`, so that the caller decides what it is worth; only an id is demanded. A text comes
out fit to be stored and shown: JSON can carry controls and lone surrogates, a database or a terminal cannot.
"""

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import TypeGuard

from syncd.model import ContractId

_LONGEST_ID = 200
_LONGEST_TEXT = 2_000
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Unreadable(ValueError):
    """What came is not what was asked for. The text says which part is wrong and quotes nothing of it."""


def read_json(body: bytes) -> object:
    """Return what a body says.

    Raises:
        Unreadable: it is no JSON, or JSON made to hurt.
    """
    said: object
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        pass
    else:
        return said
    # Outside of the handler: the parser's error carries the whole body, and would follow this one as its context.
    raise Unreadable("no JSON")


def read_contract_id(said: object) -> ContractId:
    """Return an id that can stand in an address and in a ledger, exactly as it came.

    Raises:
        Unreadable: it is no text, empty, too long, a step in a path, or has white space or controls in it.
    """
    if not isinstance(said, str) or not 0 < len(said) <= _LONGEST_ID or said in {".", ".."}:
        raise Unreadable("no usable contract_id")
    if not said.isprintable() or " " in said:  # of all white space the space alone is printable
        raise Unreadable("no usable contract_id")
    return ContractId(said)


def read_reference(said: object) -> str | None:
    """Return a mission's reference in the form in which syncd keeps its own: NFC and trimmed."""
    text = read_text(said)
    return unicodedata.normalize("NFC", text) if text is not None else None


def read_text(said: object) -> str | None:
    """Return a text trimmed, what cannot be stored replaced, cut at 2,000 characters; a whole number as a text."""
    if not isinstance(said, str):
        return str(said) if is_integer(said, at_least=0, at_most=10**20) else None
    text = said[:_LONGEST_TEXT]
    if not text.isprintable():  # as hardly any is not: nothing that prints is unstorable
        text = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return text.strip() or None


def read_instant(said: object) -> datetime | None:
    """Return an ISO 8601 instant in UTC, whatever its zone; one without a zone is taken for UTC."""
    if not isinstance(said, str) or len(said) > 40:
        return None
    try:
        instant = datetime.fromisoformat(said.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_web_address(said: object) -> str | None:
    """Return an address that may be written into a letter: http or https, nothing that a browser would run."""
    text = read_text(said)
    if text is None or not text.lower().startswith(("https://", "http://")):
        return None
    return text if text.isprintable() and " " not in text else None


def is_integer(said: object, *, at_least: int, at_most: int) -> TypeGuard[int]:
    """Whether this is a whole number between the two; JSON's `true` is none."""
    return isinstance(said, int) and not isinstance(said, bool) and at_least <= said <= at_most
