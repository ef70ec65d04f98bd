"""What the catalogue says of one event."""

from dataclasses import dataclass
from enum import StrEnum

ALWAYS_KEPT = frozenset({
    "mission_id", "contract_id", "replica", "attempts", "took_ms", "error", "exception", "place",
})  # fmt: skip
"""Keys that any event may carry. `error` is a message of `syncd.errors`, `exception` the type of any other error and
`place` where in our code it passed: a foreign error's text may quote a row."""


class Level(StrEnum):
    """How loud an event is: info, the world changed; warning, handled and tried again; error, a person must act."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event: `name` is `object.past_participle`, `keys` are identifiers, counts, durations and words.

    `timeline_keys` stand in timelines alone: what a person typed (an admin's reason), and `event`, which in a log is
    the line's own name (there a letter's is `letter`). `sentence_fr` shows `{key}` in French words; a part in square
    brackets is left out when one of its keys is not known.
    """

    name: str
    level: Level
    keys: frozenset[str]
    meaning_en: str
    sentence_fr: str
    timeline_keys: frozenset[str] = frozenset()

    @property
    def logged_keys(self) -> frozenset[str]:
        """The keys that may leave in a log line."""
        return self.keys | ALWAYS_KEPT

    @property
    def known_keys(self) -> frozenset[str]:
        """The keys that a timeline may keep."""
        return self.logged_keys | self.timeline_keys
