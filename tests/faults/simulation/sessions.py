"""SQLite without a thread: the driver's calls run at once, between turns of the loop that the seed chooses.

It plays a database server for several replicas: a session whose process is dead, or silent in the middle of a
transaction, is rolled back, a session can be cut, and the reply to a COMMIT can be lost.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.util.concurrency import await_

from tests.faults.simulation.history import History
from tests.faults.simulation.judge import Judge
from tests.faults.simulation.kinds import Kind
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.processes import WORLD, Process
from tests.faults.simulation.weather import Weather

_PATIENCE_S = 5.0
_IDLE_IN_TRANSACTION_S = 8.0
_BUSY, _IO_ERROR = 5, 10
_OURS = {"PRAGMA busy_timeout": "PRAGMA busy_timeout = 0"}
"""Waiting for a lock is the loop's business: SQLite itself would stop the whole world."""


class DatabaseServer:
    """The ledger's file and its sessions."""

    def __init__(
        self, file: Path, *, loop: SimulatedLoop, history: History, weather: Weather, dice: Random, judge: Judge
    ) -> None:
        self.file = file
        self.loop = loop
        self.history = history
        self.weather = weather
        self.dice = dice
        self.judge = judge
        self.cut_off: set[Process] = set()
        """Processes that cannot reach the database."""
        self._sessions: list[Session] = []

    def open(self, owner: Process) -> "Session":
        """Begin a session of a process."""
        session = sqlite3.connect(self.file, timeout=0, cached_statements=400, factory=Session)
        session.owner, session.server, session.is_cut, session.is_writing = owner, self, False, False
        self.judge.watch(session, owner.name)
        self._sessions.append(session)
        return session

    def end_sessions_of(self, owner: Process) -> None:
        """The process is dead: what it did not commit is rolled back."""
        for session in self._sessions:
            if session.owner is owner:
                session.cut()
        self._sessions = [session for session in self._sessions if not session.is_cut]

    def end_all_sessions(self) -> None:
        """Somebody works on the file."""
        for session in self._sessions:
            session.cut()
        self._sessions.clear()

    def put_back(self, snapshot: bytes) -> None:
        """Put an older state of the file in the place of what was written since."""
        self.end_all_sessions()
        without_wal = snapshot[:18] + b"\1\1" + snapshot[20:]  # a database in memory knows no such journal
        with closing(sqlite3.connect(":memory:")) as older, closing(sqlite3.connect(self.file)) as file:
            older.deserialize(without_wal)
            older.backup(file)

    def note_stopped(self, owner: Process) -> None:
        """The process is silent: after a while its open transactions are rolled back."""
        WORLD.context.run(self.loop.call_later, _IDLE_IN_TRANSACTION_S, self._end_idle_sessions, owner)

    def _end_idle_sessions(self, owner: Process) -> None:
        for session in self._sessions:
            if session.is_cut or session.owner is not owner or owner.stopped_until is None:
                continue
            if session.in_transaction:
                self.history.say("DATABASE", f"ends an idle transaction of {owner.name}")
                session.cut()


class Session(sqlite3.Connection):
    """A connection of one process: its calls wait, meet trouble, and are then SQLite's own."""

    owner: Process
    server: DatabaseServer
    is_cut: bool
    is_writing: bool

    def cut(self) -> None:
        """Break the connection; what was not committed is rolled back."""
        self.is_cut = True
        super().close()

    def cursor(self, _factory: object = None) -> "SessionCursor":  # type: ignore[override]  # SQLAlchemy names none
        """Return a cursor."""
        self.fail_if_cut()
        return SessionCursor(self)

    def commit(self) -> None:
        """Commit; the reply may get lost, and so may the transaction."""
        if self.is_writing:
            await_(self._meet_trouble_at_commit())
        self.is_writing = False
        await_when_busy(self, super().commit)
        await_(self.yield_to_others())

    def rollback(self) -> None:
        """Undo what is open."""
        self.is_writing = False
        if not self.is_cut:
            super().rollback()

    def close(self) -> None:
        """End the session."""
        self.cut()

    def terminate(self) -> None:
        """End the session at once."""
        self.cut()

    async def meet_trouble(self) -> None:
        """Let others run now and then, and fail now and then."""
        server = self.server
        if self.owner in server.cut_off:
            await asyncio.sleep(server.dice.uniform(0.1, 3.0))
            self._break("cut off")
        if server.weather.strikes(Kind.DATABASE_FAILED, self.owner.name):
            raise _sqlite_error("disk I/O error", _IO_ERROR)
        if server.dice.random() < 0.2:
            await self.yield_to_others()

    async def yield_to_others(self) -> None:
        """Let others run; now and then for a while."""
        dice = self.server.dice
        await asyncio.sleep(0 if dice.random() < 0.5 else dice.expovariate(100.0))

    def fail_if_cut(self) -> None:
        """Raise what a driver raises of a connection that is gone."""
        if self.is_cut:
            raise _sqlite_error("connection closed", 0)

    async def _meet_trouble_at_commit(self) -> None:
        server = self.server
        if server.weather.strikes(Kind.COMMIT_LOST, self.owner.name):
            self._break("lost before COMMIT")
        if server.weather.draws(Kind.COMMIT_UNANSWERED) is not None and self._commit_at_once():
            server.history.count(Kind.COMMIT_UNANSWERED, self.owner.name)
            await self.yield_to_others()
            self._break("no reply to COMMIT")
        await self.yield_to_others()

    def _commit_at_once(self) -> bool:
        try:
            super().commit()
        except sqlite3.OperationalError:
            return False
        return True

    def _break(self, why: str) -> None:
        self.server.history.say(self.owner.name, f"its connection broke: {why}")
        self.cut()
        self.fail_if_cut()


class SessionCursor(sqlite3.Cursor):
    """A cursor of a session."""

    connection: Session

    def execute(self, sql: str, values: Any = ()) -> "SessionCursor":
        """Run a statement, after whatever comes first."""
        session = self.connection
        if sql.startswith("PRAGMA"):
            return super().execute(_OURS.get(sql.partition("=")[0].strip(), sql))
        if sql == "BEGIN IMMEDIATE":
            session.is_writing = True
        await_(session.meet_trouble())
        await_when_busy(session, partial(super().execute, sql, values))
        self._rows = super().fetchall() if self.description else []
        return self

    def executemany(self, sql: str, values: Any) -> "SessionCursor":
        """Run a statement for each of these."""
        await_(self.connection.meet_trouble())
        await_when_busy(self.connection, partial(super().executemany, sql, values))
        return self

    def fetchall(self) -> list[Any]:
        """Return the rows: they were all read at once, as the usual driver does."""
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> Any:
        """Return the next row."""
        return self._rows.pop(0) if self._rows else None

    async def _async_soft_close(self) -> None:
        """Keep the rows."""

    def close(self) -> None:
        """Let go of it."""
        if not self.connection.is_cut:
            super().close()


def await_when_busy(session: Session, work: Callable[[], object]) -> None:
    """Do something as soon as its lock is free."""
    waited = 0.0
    while True:
        session.fail_if_cut()
        try:
            work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != _BUSY or waited > _PATIENCE_S:
                raise
        else:
            return
        pause = session.server.dice.uniform(0.002, 0.08)
        waited += pause
        await_(asyncio.sleep(pause))


def _sqlite_error(message: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error
