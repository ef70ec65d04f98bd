"""What every part of the ledger has: the database, and who this replica is."""

from dataclasses import dataclass
from datetime import timedelta

from syncd.store.engine import Database
from syncd.store.presence import SessionPresence

DEAD_AFTER = timedelta(seconds=15)
"""A replica that was silent for so long is dead: three heartbeats of five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who works here. `replica` is unique per process: leases carry it."""

    replica: str
    version: str
    lease: timedelta
    letter_lease: timedelta
    message_domain: str


class LedgerPart:
    """Base of the ledger's parts."""

    def __init__(self, database: Database, identity: Identity, presence: SessionPresence | None = None) -> None:
        self._database = database
        self._identity = identity
        self._presence = presence
        self._clock = database.clock
        self._has_rescued = False
        self._tried_one_alone = False
        self._takings = 0

    def pool_status(self) -> str:
        """Say how many connections are open and in use."""
        return self._database.engine.pool.status()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._database.aclose()
