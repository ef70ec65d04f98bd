"""Reads the catalogue: is this event known, what of it may be logged, and how is it said in French?"""

import re
from collections.abc import Iterable, Mapping

from syncd.events.catalogue import CATALOGUE
from syncd.events.entry import ALWAYS_KEPT, Entry
from syncd.events.french import spoken

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_KEY = re.compile(r"\{(\w+)\}")
_NOT_KNOWN = "…"
_LOGGABLE = {name: entry.logged_keys for name, entry in CATALOGUE.items()}


class Uncatalogued(ValueError):
    """An event or a key that the catalogue does not have: a mistake of the code that names it."""


def entry_of(name: str) -> Entry | None:
    """Return the catalogue's entry of this name."""
    return CATALOGUE.get(name)


def check(name: str, keys: Iterable[str]) -> None:
    """Return when the catalogue knows the event and all of its keys; for tests, and for whatever writes a timeline.

    Raises:
        Uncatalogued: names the event or the keys.
    """
    entry = CATALOGUE.get(name)
    if entry is None:
        raise Uncatalogued(f"no such event in the catalogue: {name}")
    unknown = sorted(set(keys) - entry.known_keys)
    if unknown:
        raise Uncatalogued(f"{name} has no such keys in the catalogue: {', '.join(unknown)}")


def loggable(name: str) -> frozenset[str]:
    """Return the keys that a log line of this event may carry; of an unknown event only those that any may."""
    return _LOGGABLE.get(name, ALWAYS_KEPT)


def sentence(name: str, detail: Mapping[str, object]) -> str:
    """Return what happened, as one French sentence for a timeline; an unknown event is shown by its name."""
    entry = CATALOGUE.get(name)
    if entry is None:
        return name
    words = {key: spoken(key, value) for key, value in detail.items() if value not in (None, "", (), [])}

    def known_part(match: re.Match[str]) -> str:
        return match[1] if all(key in words for key in _KEY.findall(match[1])) else ""

    def word(match: re.Match[str]) -> str:
        return words.get(match[1], _NOT_KNOWN)

    return _KEY.sub(word, _OPTIONAL.sub(known_part, entry.sentence_fr))
