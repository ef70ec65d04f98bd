"""The ledger's transactions: opened right on each database, retried when the database asks for it, explained in errors.

SQLite: the driver's own transaction control loses concurrent read-modify-writes in silence, so it is switched off and
every writer begins with BEGIN IMMEDIATE; within this process they queue up for it. PostgreSQL: nothing is kept on a
session, so that a pooler in transaction mode may stand between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Interval, func, literal, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from syncd.database import async_url, make_engine
from syncd.errors import Misconfigured, Transient
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import TimelineEntry
from syncd.store.columns import Instant
from syncd.store.faults import Fault, explain, fault_of
from syncd.store.sqlite import WRITES, FileWatch, has_safe_wal, own_the_transactions

T = TypeVar("T")

PATIENCE = timedelta(seconds=5)
"""The longest wait for a lock, before the whole transaction is begun anew."""
DEADLINE = timedelta(seconds=30)
"""The longest transaction: a half-open connection ends here."""
_TRIES = 5
_LIMITS = text(
    "SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '25s', true), "
    "set_config('idle_in_transaction_session_timeout', '30s', true)"
)
"""For this transaction alone."""


class RaceLostError(Exception):
    """Another transaction was faster: begin anew, and see what it wrote."""


Happening = tuple[MissionId, TimelineEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One open transaction. `may_be_done`: an earlier try's COMMIT got no answer, so it may have been applied."""

    connection: AsyncConnection
    is_postgres: bool
    may_be_done: bool = False
    happenings: list[Happening] = field(default_factory=list)
    """What was written into timelines; told to the log once it is committed, and not before."""

    def clock(self, now: datetime) -> ColumnElement[datetime]:
        """Return the clock of leases: the database's where replicas share it, else the caller's."""
        return func.clock_timestamp(type_=Instant()) if self.is_postgres else literal(now, Instant())

    def clock_plus(self, now: datetime, duration: timedelta) -> ColumnElement[datetime]:
        """Return an instant of the clock of leases that comes so long after now."""
        if not self.is_postgres:
            return literal(now + duration, Instant())
        return func.clock_timestamp(type_=Instant()).op("+", return_type=Instant())(literal(duration, Interval()))


Work = Callable[[Transaction], Awaitable[T]]
Tell = Callable[[MissionId, TimelineEntry], None]


def say_nothing(_mission_id: MissionId, _entry: TimelineEntry) -> None:
    """Tell nobody."""
    return


class Database:
    """Runs transactions on the ledger's database. Safe for concurrent use within one event loop."""

    def __init__(
        self, url: str, *, clock: Clock, sqlite_wal: bool | None, connections: int = 8, tell: Tell = say_nothing
    ) -> None:
        self._tell = tell
        target = async_url(url, key="database.url")
        backend = target.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise Misconfigured("the ledger is kept in SQLite or PostgreSQL", key="database.url")
        self.is_postgres = backend == "postgresql"
        self.clock = clock
        self._file = None if self.is_postgres else FileWatch(target.database)
        self.engine: AsyncEngine = make_engine(url, key="database.url", patience=PATIENCE, connections=connections)
        self._turn: AbstractAsyncContextManager[object] = nullcontext() if self.is_postgres else asyncio.Lock()
        if not self.is_postgres:
            is_wal = has_safe_wal() if sqlite_wal is None else sqlite_wal
            own_the_transactions(self.engine, patience=PATIENCE, is_wal=is_wal)

    async def write(self, work: Work[T]) -> T:
        """Return what the work comes to, once committed.

        Begun anew after a deadlock, a serialization failure, a lost race, a busy file or a lost connection. When the
        reply to COMMIT is lost the work is done again too, told so by `may_be_done`: it reads what is there, and
        tokens, unique keys and the difference between facts keep it from being applied twice.

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
        await self.engine.dispose()

    async def _until_it_holds(self, work: Work[T], *, is_write: bool) -> T:
        may_be_done = False
        for attempt in range(_TRIES):
            try:
                async with asyncio.timeout(DEADLINE.total_seconds()):
                    once = self._once(work, is_write=is_write, may_be_done=may_be_done)
                    return await (once if self.is_postgres else _to_its_end(once))
            except _CommitUnanswered:
                may_be_done = True
            except RaceLostError:
                pass
            except TimeoutError:
                raise Transient("the ledger's database does not answer", is_general=True) from None
            except (DBAPIError, OSError) as error:
                if fault_of(error) is not Fault.AGAIN or attempt == _TRIES - 1:
                    raise explain(error) from None
            await self.clock.sleep(timedelta(milliseconds=5 * 2**attempt) * (0.5 + self.clock.throw()))
        raise Transient("the ledger's database is too busy", is_general=True)

    async def _once(self, work: Work[T], *, is_write: bool, may_be_done: bool) -> T:
        turn = self._turn if is_write else nullcontext()
        if self._file is not None:
            self._file.check()
        async with turn, self.engine.connect() as connection:
            await self._begin(connection, is_write=is_write)
            transaction = Transaction(connection=connection, is_postgres=self.is_postgres, may_be_done=may_be_done)
            result = await work(transaction)
            if is_write:
                await _commit(connection)
            for mission_id, entry in transaction.happenings:
                self._tell(mission_id, entry)
            return result

    async def _begin(self, connection: AsyncConnection, *, is_write: bool) -> None:
        if not self.is_postgres:
            await connection.execution_options(**{WRITES: is_write})
        elif not is_write:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        await connection.begin()
        if self.is_postgres and is_write:
            await connection.execute(_LIMITS)


async def _to_its_end(transaction: Coroutine[None, None, T]) -> T:
    """Let a transaction that was begun end by itself, even when nobody waits for it any more.

    SQLite's driver runs in a thread of its own: cancelled in the middle, it can keep the file locked for ever.
    """
    running = asyncio.create_task(transaction)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):  # asked to stop once more: the file must not stay locked
                await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # nobody is left to hear of it
        raise


class _CommitUnanswered(Exception):
    """The connection broke between COMMIT and its reply."""


async def _commit(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _CommitUnanswered from error
        raise
