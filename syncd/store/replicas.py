"""The registry of replicas, and the rescue of what a dead one held."""

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, exists, func, literal, or_, select, true, union_all

from syncd.store.columns import Instant
from syncd.store.deliveries import doubt
from syncd.store.engine import Transaction
from syncd.store.part import DEAD_AFTER, LedgerPart
from syncd.store.picking import ORDINARY_LANE, ORDINARY_LANES, free
from syncd.store.presence import still_missing, strike_off
from syncd.store.tables import Lane, contracts, letters, replicas
from syncd.store.writing import upsert

_c = contracts.c
_FORGOTTEN_AFTER = timedelta(days=1)


class Replicas(LedgerPart):
    """Heartbeats, rescue and leaving."""

    async def rescue(self, *, now: datetime) -> int:
        """Free what dead replicas held; return how many contracts.

        Dead is who was silent for too long, and at once whose presence was seen to end, if it was not shown again.
        On SQLite there is one daemon, so the first rescue of a process frees every claim, and later ones what is
        expired. Freed contracts are tried one at a time, for one of them may have been the cause.
        """
        frees_all = not self._database.is_postgres and not self._has_rescued

        async def work(tx: Transaction) -> int:
            departed = await still_missing(tx, self._presence.departed) if self._presence is not None else []
            await doubt(tx, true() if frees_all else _is_abandoned(tx, letters, now, departed), now=now)
            await tx.connection.execute(
                delete(replicas).where(replicas.c.heartbeat_at < tx.clock_plus(now, -_FORGOTTEN_AFTER))
            )
            which = true() if frees_all else _is_abandoned(tx, contracts, now, departed)
            freed = await free(tx, which, now=now, lane=literal(Lane.SUSPECT))
            await strike_off(tx, departed)
            return freed

        freed = await self._database.write(work)
        self._has_rescued = True
        return freed

    async def heartbeat(self, *, now: datetime) -> None:
        """Say in the registry of replicas that this one lives."""
        me = self._identity

        async def work(tx: Transaction) -> None:
            at = tx.clock(now)
            row = {
                "replica": me.replica, "host": socket.gethostname(), "pid": os.getpid(), "version": me.version,
                "started_at": at, "heartbeat_at": at,
                "presence_lock": self._presence.lock_number if self._presence is not None else None,
            }  # fmt: skip
            await tx.connection.execute(upsert(tx, replicas, row, keep=frozenset({"started_at"})))

        await self._database.write(work)

    async def sign_off(self) -> None:
        """Leave the registry and free what this replica still holds."""
        replica, now = self._identity.replica, self._clock.now()

        async def work(tx: Transaction) -> None:
            await tx.connection.execute(delete(replicas).where(replicas.c.replica == replica))
            await free(tx, _c.lease_owner == replica, now=now, lane=ORDINARY_LANE, is_patient=True)
            await doubt(tx, letters.c.lease_owner == replica, now=now, is_patient=True)

        await self._database.write(work)

    async def next_due_at(self) -> datetime | None:
        """Return when the next free contract is due, `None` when none ever is."""
        seeks = (
            select(_c.due_at)
            .where(_c.lane == lane, _c.due_at.is_not(None))
            .order_by(_c.due_at)
            .limit(1)
            .subquery()
            .select()
            for lane in (*ORDINARY_LANES, Lane.SUSPECT)
        )
        earliest = union_all(*seeks).subquery()

        async def work(tx: Transaction) -> datetime | None:
            found = await tx.connection.execute(select(func.min(earliest.c.due_at, type_=Instant())))
            at: datetime | None = found.scalar_one()
            return at

        return await self._database.read(work)


def _is_abandoned(tx: Transaction, table: Table, now: datetime, departed: list[str]) -> ColumnElement[bool]:
    """Held by a replica that has departed or was silent for too long, or for longer than its lease."""
    is_silent = exists().where(
        replicas.c.replica == table.c.lease_owner, replicas.c.heartbeat_at < tx.clock_plus(now, -DEAD_AFTER)
    )
    return or_(table.c.lease_until <= tx.clock(now), is_silent, table.c.lease_owner.in_(departed))
