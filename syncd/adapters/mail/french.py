"""French wording of plain values: days, names, phrases, typography. Pure."""

import re
from datetime import date, timedelta
from urllib.parse import urlsplit

from syncd.model import Step, Track

NOT_TOLD = "non renseigné"
"""What a letter shows where the mission says nothing."""

KINDS: dict[Track | None, str] = {
    Track.APPRENTISSAGE: "contrat d'apprentissage",
    Track.PROFESSIONNALISATION: "contrat de professionnalisation",
    None: "contrat en alternance",
}
CAMPUSES = {"aix": "Aix-en-Provence", "marseille": "Marseille"}
STEPS: dict[Step, str] = {
    Step.HELD: "retenu",
    Step.TO_INITIALISE: "à initialiser",
    Step.AWAITING_STUDENT: "attend l'étudiant",
    Step.AWAITING_COMPANY: "attend l'entreprise",
    Step.AWAITING_DOCUMENTS: "attend les documents",
    Step.TO_FETCH: "documents à récupérer",
    Step.TO_REGISTER: "inscription à demander",
    Step.DONE: "terminé",
    Step.CLOSED: "clos",
}
ENDINGS = {"cancelled": "annulé", "terminated": "rompu", "closed": "clos"}
"""What became of a contract, by the remote's word."""

_WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre")  # fmt: skip
_ELIDED = re.compile(r"[aeiouàâäéèêëîïôöùûüœæ]|y[^aeiouàâäéèêëîïôöùûü]", re.IGNORECASE)
_BEFORE_SIGN = re.compile(r"[ \u00a0\u202f]+([:;!?](?=[\s<]|$)|»)")
_AFTER_QUOTE = re.compile(r"«[ \u00a0\u202f]+")
_NEVER_IN_A_LINK = re.compile(r"[\s\x00-\x20\x7f<>\"'`\\{}|^]")


def plain(text: str | None, *, default: str = NOT_TOLD) -> str:
    """Return the text on one line without control characters, or the default when nothing is left."""
    printable = text or ""
    if not printable.isprintable():
        printable = "".join(sign if sign.isprintable() else " " for sign in printable)
    return " ".join(printable.split()) or default


def shorten(text: str, length: int) -> str:
    """Return the text, cut with an ellipsis when it is longer than this many characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def long_day(day: date | None) -> str:
    """Return `1er septembre 2025`."""
    if day is None:
        return NOT_TOLD
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def weekday_of(day: date) -> str:
    """Return `lundi 1er septembre 2025`."""
    return f"{_WEEKDAYS[day.weekday()]} {long_day(day)}"


def period(starts: date | None, ends: date | None) -> str:
    """Return `du 1er septembre 2025 au 31 août 2026`."""
    if starts is None and ends is None:
        return NOT_TOLD
    if starts is None:
        return f"jusqu'au {long_day(ends)}"
    return f"du {long_day(starts)} au {long_day(ends)}" if ends else f"à partir du {long_day(starts)}"


def of(name: str) -> str:
    """Return `de Camille` or `d'Alice`."""
    return f"d'{name}" if _ELIDED.match(name) else f"de {name}"


def capital(words: str) -> str:
    """Return the words with a capital first letter, the others as they are."""
    return words[:1].upper() + words[1:]


def deadline(*, written_on: date, days: int, starts: date | None) -> str:
    """Return until when something is wanted: within so many days, and in any case before the contract starts."""
    wanted = written_on + timedelta(days=days)
    if starts is not None:
        wanted = min(wanted, starts - timedelta(days=1))
    return f"au plus tard le {weekday_of(wanted)}" if wanted > written_on else "dès aujourd'hui"


def typeset(text: str) -> str:
    """Return the text with no-break spaces where French typography wants them."""
    return _AFTER_QUOTE.sub("«\u00a0", _BEFORE_SIGN.sub("\u00a0\\1", text))


def safe_link(url: str | None) -> str | None:
    """Return a web address that a letter may carry, `None` for anything else (`javascript:`, spaces, no host)."""
    if not url or len(url) > 2000 or _NEVER_IN_A_LINK.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None
