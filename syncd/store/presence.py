"""Presence on PostgreSQL: a lock that ends with its session, on a connection of its own, its number in the registry.

PostgreSQL frees the lock when the process dies, at once; the others miss it at their next looks, long before the
heartbeat is late. A process that is only slow or stopped keeps its lock, and a machine that vanished without a word
keeps it until the network says so: both are the lease's business.

Behind a pooler that passes sessions on, such a lock says nothing: it may outlive its holder, or end before it. That is
seen by the session's number, which changes or belongs to two replicas; then presence is given up.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import String, bindparam, column, exists, func, select, table, true, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.database import close_engine, describe, make_engine
from syncd.ports.clock import Clock
from syncd.ports.presence import Sight, Standing
from syncd.store.engine import Transaction
from syncd.store.tables import contracts, letters, replicas

_ROOM = 0x73796E63
"""The first half of every lock's number is "sync"; the second is thrown anew for each session."""
_MOST_NUMBERS = 2**31 - 1
_PATIENCE = timedelta(seconds=5)
"""For a peer that acknowledges nothing."""
_DEADLINE = timedelta(seconds=15)
"""For one look, so that a connection that was forgotten somewhere on its way is made anew."""
_WARMING_UP = timedelta(seconds=2)
"""Who has just come back judges nobody: after an outage of the database the others are still coming."""

_NOBODY: Mapping[str, int] = MappingProxyType({})
_r = replicas.c
_locks = table("pg_locks", *map(column, ("locktype", "database", "classid", "objid", "objsubid", "granted", "pid")))
_l = _locks.c
_d = table("pg_database", column("oid"), column("datname", String)).c
_HERE = select(_d.oid).where(_d.datname == func.current_database()).scalar_subquery()
_IS_OURS = (
    (_l.locktype == "advisory") & (_l.database == _HERE) & (_l.classid == _ROOM) & (_l.objsubid == 2)
    & (_l.granted == true())
)  # fmt: skip
"""A lock of any replica; two-part numbers are marked by a 2."""
_held = select(func.count()).select_from(_locks).where(_IS_OURS, _l.pid == func.pg_backend_pid())
_others = select(func.count()).select_from(replicas).where(_r.replica != bindparam("me"), _r.presence_lock.is_not(None))
_me = select(
    func.pg_backend_pid().label("backend"),
    _held.scalar_subquery().label("held"),
    _others.scalar_subquery().label("others"),
).subquery("me")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A session of the database that holds our lock. `backend` is the process that serves it over there."""

    connection: AsyncConnection
    lock_number: int
    backend: int
    began_at: float


class SessionPresence:
    """Implements `syncd.ports.presence.Presence`; connects at the first look."""

    def __init__(self, url: str, *, replica: str, clock: Clock) -> None:
        self._engine = make_engine(url, key="database.url", patience=_PATIENCE, connections=1)
        self.replica = replica
        self._clock = clock
        self._session: _Session | None = None
        self._standing: Standing | None = None
        self._missing: Mapping[str, int] = _NOBODY
        self.departed: Mapping[str, int] = _NOBODY
        """Replicas whose lock was gone at the last two looks, with its number."""
        self._has_company = False

    @property
    def lock_number(self) -> int | None:
        """What the registry shall say of us; `None` while we hold no lock that would last."""
        return self._session.lock_number if self._session is not None else None

    async def look(self) -> Sight:
        """Hold our lock, and see whose is gone."""
        if self._standing is Standing.GIVEN_UP:
            return self._seen(Standing.GIVEN_UP)
        try:
            async with asyncio.timeout(_DEADLINE.total_seconds()):
                return await self._look()
        except (DBAPIError, OSError) as error:  # a deadline that has passed is an OSError too
            await self._leave()
            return self._seen(Standing.LOST, error=describe(error))
        except asyncio.CancelledError:  # its answer may still be on the way: nothing else can be asked in this session
            await self._leave()
            raise

    async def aclose(self) -> None:
        """Give the lock back."""
        await self._leave()
        await close_engine(self._engine)

    async def _look(self) -> Sight:
        session = self._session or await self._enter()
        missing, others, is_passed_on = await self._who_is_missing(session)
        if is_passed_on:
            await self._leave()
            return self._seen(Standing.GIVEN_UP)
        is_warm = self._clock.monotonic() - session.began_at >= _WARMING_UP.total_seconds()
        self.departed = dict(missing.items() & self._missing.items()) if is_warm else _NOBODY
        self._missing, self._has_company = missing, others > 0
        return self._seen(Standing.SHOWN)

    async def _enter(self) -> _Session:
        connection = await self._engine.connect()
        try:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            self._session = await self._lock(connection)
        finally:
            if self._session is None:
                await connection.invalidate()
                await connection.close()
        return self._session

    async def _lock(self, connection: AsyncConnection) -> _Session:
        while True:
            number = 1 + int(self._clock.throw() * _MOST_NUMBERS) % _MOST_NUMBERS
            taken = select(func.pg_try_advisory_lock(_ROOM, number), func.pg_backend_pid())
            is_ours, backend = (await connection.execute(taken)).one()
            if is_ours:
                began_at = self._clock.monotonic()
                return _Session(connection=connection, lock_number=number, backend=backend, began_at=began_at)

    async def _who_is_missing(self, session: _Session) -> tuple[Mapping[str, int], int, bool]:
        """Return the others whose lock nobody holds, how many show themselves, and whether sessions are passed on."""
        is_held = exists().where(_IS_OURS, _l.objid == _r.presence_lock)
        gone = (_r.replica != self.replica) & _r.presence_lock.is_not(None) & ~is_held
        sight = select(*_me.c, _r.replica, _r.presence_lock).select_from(_me.outerjoin(replicas, gone))
        rows = (await session.connection.execute(sight, {"me": self.replica})).all()
        backend, held, others = rows[0][:3]
        missing = {replica: number for *_, replica, number in rows if replica is not None}
        return missing, others, backend != session.backend or held != 1

    async def _leave(self) -> None:
        session, self._session = self._session, None
        self._missing = self.departed = _NOBODY
        self._has_company = False
        if session is not None:
            await session.connection.invalidate()  # closed, not parked: a lock ends with its session alone
            await session.connection.close()

    def _seen(self, standing: Standing, *, error: str | None = None) -> Sight:
        before, self._standing = self._standing, standing
        return Sight(
            standing=standing, is_news=standing is not before, has_company=self._has_company,
            has_departed=bool(self.departed), error=error,
        )  # fmt: skip


async def still_missing(tx: Transaction, departed: Mapping[str, int]) -> list[str]:
    """Return those who did not show themselves again meanwhile, for this transaction alone to rescue from."""
    if not departed:
        return []
    are_they = tuple_(_r.replica, _r.presence_lock).in_(list(departed.items()))
    statement = select(_r.replica).where(are_they).with_for_update(skip_locked=True)
    return list((await tx.connection.execute(statement)).scalars())


async def strike_off(tx: Transaction, departed: Sequence[str]) -> None:
    """Take the locks of those out of the registry from whom everything was rescued.

    One that lives after all shows itself again at its next heartbeat.
    """
    left_nothing = [~exists().where(held.c.lease_owner == _r.replica) for held in (contracts, letters)]
    if departed:
        statement = update(replicas).where(_r.replica.in_(departed), *left_nothing).values(presence_lock=None)
        await tx.connection.execute(statement)
