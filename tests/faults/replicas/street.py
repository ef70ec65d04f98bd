"""Replicas of one database, side by side in one process, each with its presence and a clock of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from syncd.store import SessionPresence, SqlLedger, open_ledger
from tests.store.bench import NOW
from tests.support.clock import FixedClock

LONG_ENOUGH = timedelta(seconds=3)
A_LEASE = timedelta(hours=1)


@dataclass
class Neighbour:
    """A replica with its presence, on a clock of its own. `throws` choose its locks' numbers."""

    presence: SessionPresence
    ledger: SqlLedger
    clock: FixedClock

    async def show(self) -> None:
        """Be seen, and be there for long enough to judge others."""
        await self.presence.look()
        await self.ledger.heartbeat(now=NOW)
        self.clock.advance(LONG_ENOUGH)


@dataclass
class Street:
    """Replicas of one database."""

    url: str
    neighbours: list[Neighbour] = field(default_factory=list)

    @property
    def first(self) -> Neighbour:
        """Who was there before everybody else."""
        return self.neighbours[0]

    def move_in(self, name: str, *throws: float, url: str | None = None) -> Neighbour:
        """Open one more replica."""
        clock = FixedClock(NOW, throws=throws)
        presence = SessionPresence(url or self.url, replica=name, clock=clock)
        ledger = open_ledger(
            self.url, replica=name, version="1", lease=A_LEASE, message_domain="example.org", clock=clock,
            presence=presence,
        )  # fmt: skip
        self.neighbours.append(Neighbour(presence, ledger, clock))
        return self.neighbours[-1]

    def bury(self, one: Neighbour) -> None:
        """End the session of a replica, dead or not."""
        holding = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
        with psycopg.connect(self.url, autocommit=True) as connection:
            ((backend,),) = connection.execute(holding, [one.presence.lock_number]).fetchall()
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])

    def locks(self) -> dict[str, int | None]:
        """Return what the registry says."""
        with psycopg.connect(self.url) as connection:
            return dict(connection.execute("SELECT replica, presence_lock FROM replicas").fetchall())


@asynccontextmanager
async def a_street(url: str) -> AsyncIterator[Street]:
    """Open a street; everybody leaves it in the end."""
    street = Street(url)
    try:
        yield street
    finally:
        for neighbour in street.neighbours:
            await neighbour.presence.aclose()
            await neighbour.ledger.aclose()
