"""Seeded bugs, kept beside the simulation so that it is itself proven: what somebody could well have written."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.model import Capabilities, Mission, RemoteContract
from syncd.ports.ledger import Claim, CreationLimit, Outcome, Settle
from syncd.store.engine import Transaction, Work
from syncd.store.tables import Lane, contracts, letters
from tests.faults.simulation.cactus import Nature
from tests.faults.simulation.ledger import SharedDatabase, SharedLedger
from tests.faults.simulation.replica import PATIENCE
from tests.faults.simulation.town import Parts
from tests.faults.simulation.wire import CactusClient

T = TypeVar("T")


class UnfencedLedger(SharedLedger):
    """Records what it worked out, whoever has the contract by now."""

    async def record(
        self, outcomes: Sequence[Outcome], *, now: datetime, settle: Settle, creations: CreationLimit
    ) -> tuple[Claim | None, ...]:
        """Write without asking whose lease it is."""
        these = contracts.c.mission_id.in_([outcome.mission_id for outcome in outcomes])
        take = update(contracts).where(these).values(lease_owner=self._identity.replica, lane=Lane.CLAIMED)

        async def work(tx: Transaction) -> dict[str, int]:
            rows = await tx.connection.execute(take.returning(contracts.c.mission_id, contracts.c.lease_token))
            return {row.mission_id: row.lease_token for row in rows}

        tokens = await self._database.write(work)
        mine = [replace(outcome, token=tokens[outcome.mission_id]) for outcome in outcomes]
        return await super().record(mine, now=now, settle=settle, creations=creations)


class HastyLedger(SharedLedger):
    """Takes over whatever others hold, alive or not."""

    async def rescue(self, *, now: datetime) -> int:
        """Free every claim but our own."""
        of_others = contracts.c.lease_owner.is_not(None) & (contracts.c.lease_owner != self._identity.replica)
        free = (
            update(contracts).where(of_others).values(lease_owner=None, lease_until=None, lane=Lane.NORMAL, due_at=now)
        )

        async def work(tx: Transaction) -> int:
            return (await tx.connection.execute(free)).rowcount

        return await self._database.write(work)


class LateOutbox(SharedDatabase):
    """Writes letters in a transaction of their own, after the facts that cause them."""

    async def write(self, work: Work[T]) -> T:
        """Commit the facts, then the letters."""
        kept: list[tuple[str, Sequence[object]]] = []

        def facts_only(tx: Transaction) -> Awaitable[T]:
            kept.clear()
            return work(replace(tx, connection=cast("AsyncConnection", _WithoutLetters(tx.connection, kept))))

        async def the_letters(tx: Transaction) -> None:
            for statement, rows in kept:
                await tx.connection.exec_driver_sql(statement, rows)

        result = await super().write(facts_only)
        if kept:
            await super().write(the_letters)
        return result


@dataclass(slots=True)
class _WithoutLetters:
    """A connection that keeps letters for later."""

    connection: AsyncConnection
    kept: list[tuple[str, Sequence[object]]]

    async def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement that writes no letter."""
        return await self.connection.execute(statement, values)

    async def exec_driver_sql(self, statement: str, rows: Sequence[object]) -> Any:
        """Run everything but the queueing of letters."""
        if statement.startswith(f"INSERT INTO {letters.name} "):
            self.kept.append((statement, rows))
            return None
        return await self.connection.exec_driver_sql(statement, rows)


class RandomKeyClient(CactusClient):
    """Throws a new idempotency key for each attempt."""

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:  # noqa: ARG002 - that is the bug
        """Create the contract under any key."""
        return await super().initialise(mission, key=f"{self._dice.getrandbits(64):x}")


class BoastfulClient(CactusClient):
    """Says that CACTUS honours keys, so that an unknown outcome is simply asked again."""

    @property
    def capabilities(self) -> Capabilities:
        """More than it can do."""
        return replace(super().capabilities, idempotency_keys=True, look_up=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A seeded bug, the remote where it hurts, and the promise that it breaks."""

    parts: Parts
    breaks: frozenset[str]
    nature: Nature | None = None


MUTANTS: Mapping[str, Mutant] = {
    "no fencing token": Mutant(parts=Parts(ledger=UnfencedLedger), breaks=frozenset({"I7"})),
    "hasty takeover": Mutant(parts=Parts(ledger=HastyLedger), breaks=frozenset({"T04", "I7"})),
    "outbox in its own transaction": Mutant(parts=Parts(database=LateOutbox), breaks=frozenset({"I5"})),
    "random idempotency key": Mutant(
        parts=Parts(client=RandomKeyClient), breaks=frozenset({"I1"}), nature=Nature(has_look_up=False)
    ),
    "naive push": Mutant(parts=Parts(client=BoastfulClient), breaks=frozenset({"I1"}), nature=Nature(has_keys=False)),
    "no wait for a late apply": Mutant(
        parts=Parts(patience=replace(PATIENCE, processing_time=timedelta())),
        breaks=frozenset({"I1"}),
        nature=Nature(has_keys=False),
    ),
}
