"""What befalls a letter at the mail server: decided by a seed alone, so that every run of a seed is the same."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Mishap(StrEnum):
    """How one visit of one letter ends."""

    NONE = "accepted"
    PUT_OFF_RECIPIENT = "451 at the recipient"
    PUT_OFF_CONTENT = "452 after the content"
    LOST_AT_DATA = "connection lost instead of 354"
    LOST_BEFORE_DOT = "connection lost before the dot"
    LOST_AFTER_DOT = "connection lost after the dot, letter dropped"
    KEPT_AFTER_DOT = "connection lost after the dot, letter taken"
    LATE_250 = "250 later than we wait"
    REFUSED = "550 for the recipient, for good"


_BY_CHANCE = tuple(mishap for mishap in Mishap if mishap not in (Mishap.NONE, Mishap.REFUSED))
ACCEPTING = frozenset({Mishap.NONE, Mishap.KEPT_AFTER_DOT, Mishap.LATE_250})
"""After these the server has the letter."""
DOUBTFUL = frozenset({Mishap.LOST_BEFORE_DOT, Mishap.LOST_AFTER_DOT, Mishap.KEPT_AFTER_DOT, Mishap.LATE_250})
"""After these nobody on our side can know whether the server has the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dice:
    """Throws for each visit by itself, whatever else happens before or beside it."""

    seed: int
    share: float = 0.05

    def befalls(self, recipient: str, visit: int) -> Mishap:
        """Return how this visit of a letter to this recipient ends; visits are counted from 1."""
        if self._throw(recipient, 0) < self.share / len(Mishap):
            return Mishap.REFUSED
        throw = self._throw(recipient, visit)
        return _BY_CHANCE[int(throw / self.share * len(_BY_CHANCE))] if throw < self.share else Mishap.NONE

    def _throw(self, recipient: str, visit: int) -> float:
        return random.Random(f"{self.seed} {recipient} {visit}").random()  # noqa: S311 (not a secret: a plan)
