"""The real ledger, shared by the replicas of a simulation as they share a PostgreSQL."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from syncd.clock import SystemClock
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Claimed, CreationLimit, GateState, LetterClaim, QueuedLetter, Settle
from syncd.store import SqlLedger, open_ledger
from syncd.store.commits import Mark
from syncd.store.engine import Database, Tell, Transaction, Work
from syncd.store.part import Identity
from syncd.store.sqlite import own_the_transactions
from tests.faults.simulation.kinds import EPOCH, LEASE, LETTER_LEASE, instant
from tests.faults.simulation.processes import Process
from tests.faults.simulation.sessions import DatabaseServer

T = TypeVar("T")

_BEGINNING = datetime(1970, 1, 1, tzinfo=EPOCH.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTransaction(Transaction):
    """Leases follow the database's clock, as on PostgreSQL, whatever the caller's says."""

    present: Callable[[], datetime]

    def times(self, now: datetime) -> dict[str, object]:  # noqa: ARG002 - the ledger's shape
        """Return the database's clock."""
        return Transaction.times(self, self.present())

    def after(self, now: datetime, duration: timedelta) -> datetime | timedelta:  # noqa: ARG002 - as above
        """Return an instant of the database's clock."""
        return Transaction.after(self, self.present(), duration)


class SharedDatabase(Database):
    """Transactions of one replica on the common file, through sessions of its own."""

    def __init__(self, server: DatabaseServer, owner: Process, *, clock: Clock, is_wal: bool, tell: Tell) -> None:
        super().__init__(f"sqlite:///{server.file}", clock=clock, sqlite_wal=is_wal, tell=tell)
        self._server = server
        self.engine = _engine_of(server, owner)
        own_the_transactions(self.engine, patience=timedelta(seconds=5), is_wal=is_wal)

    async def write(self, work: Work[T]) -> T:
        """Return what the work comes to, once committed."""
        return await super().write(self._shared(work))

    async def read(self, work: Work[T]) -> T:
        """Return what the work reads from one snapshot."""
        return await super().read(self._shared(work))

    async def _begin(self, connection: AsyncConnection, *, is_write: bool) -> Mark | None:
        """Begin, and learn what time it is, as on PostgreSQL."""
        mark = await super()._begin(connection, is_write=is_write)
        self.clock.agree_with(instant(self._server.loop.now), within=timedelta())
        return mark

    def _shared(self, work: Work[T]) -> Work[T]:
        def run(tx: Transaction) -> Awaitable[T]:
            values = {field.name: getattr(tx, field.name) for field in fields(tx)}
            return work(SharedTransaction(**values, present=lambda: instant(self._server.loop.now)))

        return run


class SharedLedger(SqlLedger):
    """The ledger of one replica among several.

    A look for work that would find nothing is answered by one raw statement: it is what a replica does most of the
    time, and in SQLAlchemy it costs a hundred times as much.
    """

    def __init__(self, database: SharedDatabase, *, replica: str, glimpse: "Glimpse") -> None:
        super().__init__(
            database,
            Identity(
                replica=replica, version="1", lease=LEASE, letter_lease=LETTER_LEASE, message_domain="example.org"
            ),
        )
        self._has_rescued = True  # on SQLite a process that starts is alone and frees every claim: not here
        self._glimpse = glimpse
        self._gates: dict[str, tuple[tuple[object, ...] | None, GateState]] = {}

    async def claim(
        self, *, limit: int, now: datetime, settle: Settle, creations: CreationLimit,
        retries: int | None = None, probe: int | None = None, only: Sequence[MissionId] | None = None,
    ) -> Claimed:  # fmt: skip
        """Claim what is due and free."""
        if only is None and not self._glimpse.sees_contracts(now):
            return Claimed(claims=(), settled=0)
        return await super().claim(
            limit=limit, now=now, settle=settle, creations=creations, retries=retries, probe=probe, only=only
        )

    async def gate(self, name: str) -> GateState:
        """Return the patience towards a remote."""
        row = self._glimpse.gate(name)
        known = self._gates.get(name, ((), GateState()))
        if row is None or known[0] != row:
            known = self._gates[name] = row, await super().gate(name)
        return known[1]

    async def mark(self, name: str) -> str | None:
        """Return a small named value."""
        is_there, value = self._glimpse.mark(name)
        return value if is_there else await super().mark(name)

    async def take_letters(
        self, *, limit: int, now: datetime, most_per_hour: int = 0, in_hand: Collection[LetterClaim] | None = None
    ) -> tuple[QueuedLetter, ...]:
        """Take letters that are due."""
        if not self._glimpse.sees_letters(now):
            return ()
        return await super().take_letters(limit=limit, now=now, most_per_hour=most_per_hour, in_hand=in_hand)

    async def rescue(self, *, now: datetime) -> int:
        """Free what dead replicas held."""
        return await super().rescue(now=now) if self._glimpse.sees_claims_of_others(self._identity.replica) else 0


class Glimpse:
    """Looks into the file beside all sessions: is there anything to do at all? In doubt, yes."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def sees_contracts(self, now: datetime) -> bool:
        """Whether a contract is due, or a lease is over."""
        return self._sees(_CONTRACTS, (_stored(instant(self._server.loop.now)), _stored(now)))

    def sees_letters(self, now: datetime) -> bool:
        """Whether a letter is due, or its lease is over."""
        return self._sees(_LETTERS, (_stored(instant(self._server.loop.now)), _stored(now)))

    def sees_claims_of_others(self, replica: str) -> bool:
        """Whether another replica holds anything."""
        return self._sees(_OTHERS, (replica, replica))

    def gate(self, name: str) -> tuple[object, ...] | None:
        """Return what the row of a gate says, empty when there is none, `None` when nobody can tell."""
        rows = self._ask("SELECT * FROM gates WHERE name = ?", (name,))
        return None if rows is None else tuple(rows[0]) if rows else ()

    def mark(self, name: str) -> tuple[bool, str | None]:
        """Return whether a mark could be read, and what it says."""
        rows = self._ask("SELECT value FROM marks WHERE name = ?", (name,))
        return rows is not None, rows[0][0] if rows else None

    def _sees(self, sql: str, values: tuple[object, ...]) -> bool:
        rows = self._ask(sql, values)
        return rows is None or bool(rows[0][0])

    def _ask(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]] | None:
        if self._connection is None:
            self._connection = sqlite3.connect(self._server.file, timeout=0, isolation_level=None)
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError:
            return None


_CONTRACTS = (
    "SELECT EXISTS (SELECT 1 FROM contracts WHERE lease_owner IS NOT NULL AND lease_until <= ?)"
    " OR EXISTS (SELECT 1 FROM contracts WHERE due_at <= ? AND lease_owner IS NULL)"
)
_LETTERS = (
    "SELECT EXISTS (SELECT 1 FROM letters WHERE lease_owner IS NOT NULL AND lease_until <= ?)"
    " OR EXISTS (SELECT 1 FROM letters WHERE due_at <= ? AND lease_owner IS NULL AND NOT is_blocked)"
)
_OTHERS = (
    "SELECT EXISTS (SELECT 1 FROM contracts WHERE lease_owner IS NOT NULL AND lease_owner <> ?)"
    " OR EXISTS (SELECT 1 FROM letters WHERE lease_owner IS NOT NULL AND lease_owner <> ?)"
)


def _stored(at: datetime) -> int:
    return (at - _BEGINNING) // timedelta(microseconds=1)


@cache
def _pattern() -> AsyncEngine:
    """Return an engine that connects nowhere: whose dialect and compiled statements all engines here share."""
    return create_async_engine("sqlite+aiosqlite://", hide_parameters=True)


class _PoolDialect:
    """What a pool asks of its dialect. A dead process's pool closes nothing and warns of nothing."""

    has_terminate = True

    def __init__(self, owner: Process) -> None:
        self._dialect = _pattern().sync_engine.dialect
        self._owner = owner

    @property
    def is_async(self) -> bool:
        """Whether somebody is left who could wait."""
        return not self._owner.is_dead

    def do_rollback(self, connection: PoolProxiedConnection) -> None:
        """Undo what is open."""
        if not self._owner.is_dead:
            self._dialect.do_rollback(connection)

    def do_commit(self, connection: PoolProxiedConnection) -> None:
        """Commit what is open."""
        if not self._owner.is_dead:
            self._dialect.do_commit(connection)

    def do_close(self, connection: DBAPIConnection) -> None:
        """Close a connection."""
        if not self._owner.is_dead:
            self._dialect.do_close(connection)

    do_terminate = do_close


def _engine_of(server: DatabaseServer, owner: Process) -> AsyncEngine:
    pattern = _pattern().sync_engine
    open_one = cast("Callable[[], DBAPIConnection]", lambda: server.open(owner))  # as much of one as is asked for
    pool = AsyncAdaptedQueuePool(open_one, pool_size=8, max_overflow=0, dialect=_PoolDialect(owner))
    engine = Engine(pool, pattern.dialect, pattern.url, hide_parameters=True)
    engine._compiled_cache = pattern._compiled_cache
    return AsyncEngine(engine)


@cache
def empty_ledger() -> bytes:
    """Return the bytes of a ledger that was just prepared by the real migration."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        asyncio.run(_prepare(file))
        return file.read_bytes()


async def _prepare(file: Path) -> None:
    ledger = open_ledger(
        f"sqlite:///{file}", replica="r0", version="1", lease=LEASE, message_domain="example.org", clock=SystemClock(),
        sqlite_wal=False,
    )  # fmt: skip
    await ledger.migrate()
    await ledger.aclose()
    async with _pattern().connect():
        """The dialect gets to know SQLite."""
    await _pattern().dispose()
