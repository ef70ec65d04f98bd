"""The registry of replicas, and the rescue of what a dead one held."""

import os
import socket
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Table,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    union_all,
)

from syncd.store.bulk import insert_into
from syncd.store.columns import Instant
from syncd.store.deliveries import doubt
from syncd.store.engine import Transaction, clock_after, clock_now
from syncd.store.leasing import ORDINARY_LANES
from syncd.store.part import DEAD_AFTER, LedgerPart
from syncd.store.picking import ORDINARY_LANE, SUSPECT_LANE, free
from syncd.store.presence import still_missing, strike_off
from syncd.store.tables import Lane, contracts, letters, replicas

_c = contracts.c
_ALL = (true(), true())
_MY_LETTERS, _MY_CONTRACTS = (table.c.lease_owner == bindparam("holder") for table in (letters, contracts))
_FORGOTTEN_AFTER = timedelta(days=1)


class Replicas(LedgerPart):
    """Heartbeats, rescue and leaving."""

    async def rescue(self, *, now: datetime) -> int:
        """Free what dead replicas held; return how many contracts.

        Dead is who was silent for too long, and at once whose presence was seen to end, if it was not shown again.
        Whoever rescues is alive, whatever the registry says: it may have been stopped since its last sign of life.
        On SQLite there is one daemon, so the first rescue of a process frees every claim, and later ones what is
        expired. Freed contracts are tried one at a time, for one of them may have been the cause.
        """
        frees_all = not self._database.is_postgres and not self._has_rescued

        async def work(tx: Transaction) -> int:
            departed = await still_missing(tx, self._presence.departed) if self._presence is not None else []
            values = tx.times(now) | {
                "departed": departed, "silent": tx.after(now, -DEAD_AFTER), "rescuer": self._identity.replica,
            }  # fmt: skip
            of_letters, of_contracts = _ALL if frees_all else _abandoned(is_postgres=tx.is_postgres)
            values = {} if frees_all else values
            await doubt(tx, of_letters, values, now=now)
            await tx.connection.execute(
                _forgetting(is_postgres=tx.is_postgres), {"forgotten": tx.after(now, -_FORGOTTEN_AFTER)}
            )
            freed = await free(tx, of_contracts, values, now=now, lane=SUSPECT_LANE)
            await strike_off(tx, departed)
            return freed

        freed = await self._database.write(work)
        self._has_rescued = True
        return freed

    async def heartbeat(self, *, now: datetime) -> None:
        """Say in the registry of replicas that this one lives."""
        me = self._identity

        async def work(tx: Transaction) -> None:
            row = {
                "replica": me.replica, "host": socket.gethostname(), "pid": os.getpid(), "version": me.version,
                "presence_lock": self._presence.lock_number if self._presence is not None else None,
            }  # fmt: skip
            await tx.connection.execute(_living(is_postgres=tx.is_postgres), row | tx.times(now))

        await self._database.write(work)

    async def sign_off(self) -> None:
        """Leave the registry and free what this replica still holds."""
        replica, now = self._identity.replica, self._clock.now()

        async def work(tx: Transaction) -> None:
            await tx.connection.execute(delete(replicas).where(replicas.c.replica == replica))
            mine = {"holder": replica}
            await free(tx, _MY_CONTRACTS, mine, now=now, lane=ORDINARY_LANE, is_patient=True)
            await doubt(tx, _MY_LETTERS, mine, now=now, is_patient=True)

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


@cache
def _abandoned(*, is_postgres: bool) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What a replica holds that has departed, was silent for too long, or let its lease lapse: letters, contracts."""
    of_letters, of_contracts = (_is_abandoned(table, is_postgres=is_postgres) for table in (letters, contracts))
    return of_letters, of_contracts


def _is_abandoned(table: Table, *, is_postgres: bool) -> ColumnElement[bool]:
    is_silent = exists().where(
        replicas.c.replica == table.c.lease_owner,
        replicas.c.replica != bindparam("rescuer"),
        replicas.c.heartbeat_at < clock_after("silent", is_postgres=is_postgres),
    )
    has_departed = table.c.lease_owner.in_(bindparam("departed", expanding=True))
    return or_(table.c.lease_until <= clock_now(is_postgres=is_postgres), is_silent, has_departed)


@cache
def _forgetting(*, is_postgres: bool) -> Delete:
    return delete(replicas).where(replicas.c.heartbeat_at < clock_after("forgotten", is_postgres=is_postgres))


@cache
def _living(*, is_postgres: bool) -> Insert:
    at = clock_now(is_postgres=is_postgres)
    shown = insert_into(replicas, is_postgres=is_postgres).values(started_at=at, heartbeat_at=at)
    names = ("host", "pid", "version", "presence_lock", "heartbeat_at")
    return shown.on_conflict_do_update(index_elements=["replica"], set_={name: shown.excluded[name] for name in names})
