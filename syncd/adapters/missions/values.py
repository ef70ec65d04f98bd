"""Turns one value of a database into one of ours. Pure: never raises, whatever the database holds.

Each reader takes a value that is not null and returns ours, `None` for an empty text, or the `Fault` that keeps it out.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import TypeGuard
from unicodedata import normalize

from syncd.model import Track


class Fault(Enum):
    """Why a value cannot be used."""

    UNREADABLE = "unreadable"
    UNSAFE = "unsafe"


Reader = Callable[[object], object]

_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Controls, bidirectional controls, line and paragraph separators, lone surrogates."""
_ENCODED_WORD = r"=\?.*\?="
_UNSAFE_IN_A_LINE = re.compile(f"[{_INVISIBLE}]|{_ENCODED_WORD}", re.DOTALL)
_UNSAFE_IN_A_TEXT = re.compile(f"(?![\\n\\r\\t])[{_INVISIBLE}]|{_ENCODED_WORD}", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TRUE = frozenset({"true", "t", "1", "yes", "y", "on", "vrai", "oui", "o"})
_FALSE = frozenset({"false", "f", "0", "no", "n", "off", "faux", "non"})
_SIRET_DIGITS = 14
_LONGEST_WORD = 50


def read_line(value: object, longest: int) -> str | Fault | None:
    """Return a text of one line: NFC and trimmed, `UNSAFE` with anything that is no plain character."""
    return _read_text(value, longest, _UNSAFE_IN_A_LINE)


def read_paragraphs(value: object, longest: int) -> str | Fault | None:
    """Return a text that may have line breaks and tabs."""
    return _read_text(value, longest, _UNSAFE_IN_A_TEXT)


def read_code(value: object, longest: int) -> str | Fault | None:
    """Return a code that some stores keep as a number (a key, a student's number) as a text of one line."""
    return _read_text(_digits_of(value), longest, _UNSAFE_IN_A_LINE)


def read_siret(value: object, longest: int) -> str | Fault | None:
    """Return a SIRET without spaces; one that was kept as a number gets its leading zeros back."""
    digits = _digits_of(value)
    if digits is not value:
        return digits.zfill(_SIRET_DIGITS) if isinstance(digits, str) else Fault.UNREADABLE
    text = read_line(value, longest)
    return "".join(text.split()) if isinstance(text, str) else text


def read_track(value: object) -> Track | Fault | None:
    """Return the track; a word that is none is unreadable."""
    text = read_line(value, _LONGEST_WORD)
    if not isinstance(text, str):
        return text
    return _TRACKS.get(text.casefold(), Fault.UNREADABLE)


def read_boolean(value: object) -> bool | Fault | None:
    """Return yes or no, from a boolean, 0 or 1, or an English or French word."""
    if isinstance(value, bool):
        return value
    if _is_finite(value):
        return bool(value) if value in (0, 1) else Fault.UNREADABLE
    if not isinstance(value, str):
        return Fault.UNREADABLE
    word = value.strip().casefold()
    if not word:
        return None
    return True if word in _TRUE else False if word in _FALSE else Fault.UNREADABLE


def read_day(value: object) -> date | Fault | None:
    """Return a day, from a date, an ISO day, or an instant at midnight (in the zone it is written in)."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        value = _parsed(text)
        if _DAY.match(text) is None or value is None:
            return Fault.UNREADABLE
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else Fault.UNREADABLE
    return value if isinstance(value, date) else Fault.UNREADABLE


def read_instant(value: object) -> datetime | Fault | None:
    """Return an instant in UTC, from an ISO text (`T` or a space, zone optional); UTC when it carries no zone."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        value = _parsed(text)
    if not isinstance(value, datetime):
        return Fault.UNREADABLE
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first or the last hours that Python knows, in another zone
        return Fault.UNREADABLE


def _read_text(value: object, longest: int, unsafe: re.Pattern[str]) -> str | Fault | None:
    if not isinstance(value, str):
        return Fault.UNREADABLE
    if len(value) > longest:
        return Fault.UNSAFE
    text = value.strip()
    if not text.isascii():
        text = normalize("NFC", text)
    # most texts are printable, which is much cheaper to ask than the pattern
    if (not text.isprintable() or "=?" in text) and unsafe.search(text) is not None:
        return Fault.UNSAFE
    return text or None


def _is_finite(value: object) -> TypeGuard[int | float | Decimal]:
    """Whether this is a number that may be compared: some of a decimal's special values raise when they are."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def _digits_of(value: object) -> object:
    """Return the digits of a whole, positive number, and any other value as it is."""
    if isinstance(value, bool) or not _is_finite(value):
        return value
    if not 0 <= value < 10**20 or value != int(value):
        return value
    return str(int(value))


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_TRACKS: dict[str, Track] = {str(track): track for track in Track}
