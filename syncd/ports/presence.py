"""The port to the other replicas: how we show them that we live, and see that one of them no longer does."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Standing(StrEnum):
    """Whether the others can see that we live."""

    SHOWN = "shown"
    LOST = "lost"
    """For now: the heartbeat and the leases have to do. Shown again as soon as it can be."""
    GIVEN_UP = "given_up"
    """For good: what stands between us and the database lets nobody be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look came to.

    `has_company`: other replicas show themselves. `has_departed`: some are gone, and what they held is to be rescued.
    """

    standing: Standing
    is_news: bool
    """The standing is not what it was at the look before."""
    has_company: bool = False
    has_departed: bool = False
    error: str | None = None


class Presence(Protocol):
    """A sign of life that ends with the process, at once, whatever ended it.

    It only makes a rescue quicker: leases and fencing tokens stay the truth, for a sign can be lost by the living.
    """

    async def look(self) -> Sight:
        """Show that we live and see who no longer does. Trouble is no error: it is told in the answer."""

    async def aclose(self) -> None:
        """Leave: the others see us no more."""
