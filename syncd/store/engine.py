"""The ledger's transactions: opened right on each database, retried when the database asks for it, explained in errors.

SQLite: the driver's own transaction control loses concurrent read-modify-writes in silence, so it is switched off and
every writer begins with BEGIN IMMEDIATE; within this process they queue up for it. PostgreSQL: nothing is kept on a
session, so that a pooler in transaction mode may stand between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Interval, bindparam, func, literal
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhaustedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from syncd.database import async_url, close_engine, make_engine
from syncd.errors import Misconfigured, Transient
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import TimelineEntry
from syncd.store.columns import Instant
from syncd.store.commits import Fate, Mark, fate_of, open_on_postgres
from syncd.store.faults import Fault, explain, fault_of
from syncd.store.patience import Limits, in_time, to_its_end
from syncd.store.sqlite import WRITES, FileWatch, has_safe_wal, own_the_transactions

T = TypeVar("T")

PATIENCE = Limits().patience
"""The longest wait for a lock and for a peer, also of parts that have a connection of their own."""
_TRIES = 5
_CONNECTIONS = 8
_CONNECTIONS_TO_A_FILE = 3
"""One writes at a time, and others read beside it. Each keeps pages, statements and a thread of its own."""


class RaceLostError(Exception):
    """Another transaction was faster: begin anew, and see what it wrote."""


Happening = tuple[MissionId, TimelineEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One open transaction.

    `may_be_done`: an earlier try's COMMIT got no answer, and the database cannot tell any more whether it was applied.
    """

    connection: AsyncConnection
    is_postgres: bool
    may_be_done: bool = False
    happenings: list[Happening] = field(default_factory=list)
    """What was written into timelines; told to the log once it is committed, and not before."""

    def times(self, now: datetime) -> dict[str, object]:
        """Return what a statement with `clock_now` is to be given."""
        return {} if self.is_postgres else {_CLOCK: now}

    def after(self, now: datetime, duration: timedelta) -> datetime | timedelta:
        """Return what a statement with `clock_after` is to be given, by the name that it has there."""
        return duration if self.is_postgres else now + duration

    def earlier(self, instant: ColumnElement[datetime], by: timedelta) -> ColumnElement[datetime]:
        """Return the instant that is so long before this one."""
        duration = (
            literal(by, Interval()) if self.is_postgres else literal(by // timedelta(microseconds=1), BigInteger())
        )
        return instant.op("-", return_type=Instant())(duration)


_CLOCK = "clock"


def clock_now(*, is_postgres: bool) -> ColumnElement[datetime]:
    """Return the clock of leases: the database's where replicas share it, else the caller's."""
    return func.clock_timestamp(type_=Instant()) if is_postgres else bindparam(_CLOCK, type_=Instant())


def clock_after(name: str, *, is_postgres: bool) -> ColumnElement[datetime]:
    """Return the instant of the clock of leases that is so long after now; `Transaction.after` says how long."""
    if not is_postgres:
        return bindparam(name, type_=Instant())
    return clock_now(is_postgres=True).op("+", return_type=Instant())(bindparam(name, type_=Interval()))


Work = Callable[[Transaction], Awaitable[T]]
Tell = Callable[[MissionId, TimelineEntry], None]


def say_nothing(_mission_id: MissionId, _entry: TimelineEntry) -> None:
    """Tell nobody."""
    return


_TROUBLES = (DBAPIError, OSError, PoolExhaustedError)


@dataclass(slots=True, kw_only=True)
class _Try(Generic[T]):
    """One try of a transaction, and how far it got."""

    work: Work[T]
    is_write: bool
    may_be_done: bool
    results: list[T] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    mark: Mark | None = None
    """By what PostgreSQL knows it."""
    is_committing: bool = False
    is_done: bool = False


class Database:
    """Runs transactions on the ledger's database. Safe for concurrent use within one event loop."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        sqlite_wal: bool | None,
        connections: int | None = None,
        tell: Tell = say_nothing,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._tell = tell
        target = async_url(url, key="database.url")
        backend = target.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise Misconfigured("the ledger is kept in SQLite or PostgreSQL", key="database.url")
        self.is_postgres = backend == "postgresql"
        self.clock = clock
        self._limits = limits
        self._file = None if self.is_postgres else FileWatch(target.database)
        self.engine: AsyncEngine = make_engine(
            url, key="database.url", patience=limits.patience,
            connections=connections or (_CONNECTIONS if self.is_postgres else _CONNECTIONS_TO_A_FILE),
        )  # fmt: skip
        self._turn: AbstractAsyncContextManager[object] = nullcontext() if self.is_postgres else asyncio.Lock()
        if not self.is_postgres:
            is_wal = has_safe_wal() if sqlite_wal is None else sqlite_wal
            own_the_transactions(self.engine, patience=limits.patience, is_wal=is_wal)

    async def write(self, work: Work[T]) -> T:
        """Return what the work comes to, once committed.

        Begun anew after a deadlock, a serialization failure, a lost race, a busy file or a lost connection. When the
        reply to COMMIT is lost the database is asked what became of it: what was committed is not done again. Only
        when it does not know any more is the work done again, told so by `may_be_done`.

        Raises:
            Transient: `is_general`; the database cannot do it now.
            Misconfigured: the database is damaged, foreign or not prepared.
        """
        return await self._until_it_holds(work, is_write=True)

    async def read(self, work: Work[T]) -> T:
        """Return what the work reads from one snapshot. Raises as `write`."""
        return await self._until_it_holds(work, is_write=False)

    async def aclose(self) -> None:
        """Close every connection."""
        await close_engine(self.engine)

    async def _until_it_holds(self, work: Work[T], *, is_write: bool) -> T:
        may_be_done = False
        for attempt in range(_TRIES):
            trial = _Try(work=work, is_write=is_write, may_be_done=may_be_done)
            try:
                return await self._in_time(trial)
            except RaceLostError:
                pass
            except _TROUBLES as error:
                fate = await self._fate_of(trial, error)
                if fate is Fate.COMMITTED:
                    return self._tell_of(trial)
                if fault_of(error) is not Fault.AGAIN or attempt == _TRIES - 1:
                    raise explain(error) from None
                may_be_done = may_be_done or fate is Fate.UNKNOWN
            await self.clock.sleep(timedelta(milliseconds=5 * 2**attempt) * (0.5 + self.clock.throw()))
        raise Transient("the ledger's database is too busy", is_general=True)

    async def _in_time(self, trial: _Try[T]) -> T:
        if self.is_postgres:
            await in_time(self._once(trial), self._limits)
            return self._tell_of(trial)
        async with asyncio.timeout(self._limits.deadline.total_seconds()):
            async with self._turn if trial.is_write else nullcontext():
                await to_its_end(self._once(trial))
        return self._tell_of(trial)

    async def _once(self, trial: _Try[T]) -> None:
        if self._file is not None:
            self._file.check()
        connection = await self.engine.connect()
        try:
            trial.mark = await self._begin(connection, is_write=trial.is_write)
            transaction = Transaction(
                connection=connection, is_postgres=self.is_postgres, may_be_done=trial.may_be_done,
                happenings=trial.happenings,
            )  # fmt: skip
            trial.results.append(await trial.work(transaction))
            if trial.is_write:
                trial.is_committing = True
                await connection.commit()
            trial.is_done = True
        finally:
            await connection.close()

    async def _begin(self, connection: AsyncConnection, *, is_write: bool) -> Mark | None:
        if self.is_postgres:
            return await open_on_postgres(connection, self._limits, self.clock, is_write=is_write)
        await connection.execution_options(**{WRITES: is_write})
        await connection.begin()
        return None

    async def _fate_of(self, trial: _Try[T], error: BaseException) -> Fate:
        """Find out whether a try that ended in trouble was committed all the same."""
        if trial.is_done:
            return Fate.COMMITTED
        has_an_answer = isinstance(error, DBAPIError) and not error.connection_invalidated
        if trial.mark is None or not trial.is_committing or has_an_answer:
            return Fate.ABORTED
        return await fate_of(trial.mark, self.engine, self.clock, self._limits)

    def _tell_of(self, trial: _Try[T]) -> T:
        """Tell what a committed transaction wrote into timelines, and return its result."""
        for mission_id, entry in trial.happenings:
            self._tell(mission_id, entry)
        return trial.results[0]
