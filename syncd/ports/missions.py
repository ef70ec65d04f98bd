"""The port to the store of validated missions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from syncd.model import Mission, MissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionPage:
    """Rows in reading order; `cursor` is where the next reading starts, opaque; `has_more` says to ask at once."""

    missions: tuple[Mission, ...]
    cursor: str | None
    has_more: bool


class MissionStore(Protocol):
    """Reads validated missions; never writes, never locks a writer out.

    An unreadable value never raises: it is `None`, with its column named in `Mission.unreadable` or `Mission.unsafe`.
    Every method may raise `Transient` (unreachable, too slow) and `Misconfigured` (the relation, the key, `updated_at`
    or `status` is missing: `key` names the setting to mend).
    """

    async def check(self) -> None:
        """Return when the store can be read and has the columns without which nothing works."""

    async def changed_since(self, cursor: str | None, *, limit: int) -> MissionPage:
        """Return rows changed after the cursor by (`updated_at`, `mission_id`), from the first row when it is `None`.

        The returned cursor never passes the store's present minus the overlap, so that a row committed late is seen:
        the newest rows come again at each call (once `has_more` is false, the next call repeats them).
        """

    async def page(self, after: MissionId | None, *, limit: int) -> tuple[Mission, ...]:
        """Return rows in the order of their key, after this one: the full sweep. Fewer than `limit` is the end."""

    async def existing(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Return those of these ids (at most 500) that the store has."""

    async def read(self, mission_ids: Sequence[MissionId]) -> tuple[Mission, ...]:
        """Return the rows of these ids (at most 500), those that exist."""

    async def aclose(self) -> None:
        """Close every connection."""
