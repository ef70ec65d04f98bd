"""Everything that is logged or shown in a timeline: a closed catalogue of names, their keys and their sentences."""

from syncd.events.catalogue import CATALOGUE
from syncd.events.entry import ALWAYS_KEPT, Entry, Level
from syncd.events.log import Log, Loggable
from syncd.events.reading import Uncatalogued, check, entry_of, loggable, sentence
from syncd.events.writing import log_happening

__all__ = [
    "ALWAYS_KEPT", "CATALOGUE", "Entry", "Level", "Log", "Loggable", "Uncatalogued", "check", "entry_of",
    "log_happening", "loggable", "sentence",
]  # fmt: skip
