"""SQLite's asynchronous driver, with one turn of its thread per statement.

SQLAlchemy's own asks the thread four times for each statement that returns rows: for a cursor, to run it, for the rows,
to close it. Each turn wakes two threads. A letter cost thirty turns, which was more than half of its price.
"""

import sqlite3
from collections import deque
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Holds what a statement left behind; the real cursor lives within one turn of the thread."""

    __slots__ = ("_description", "_lastrowid", "_rowcount")

    def __init__(self, adapt_connection: AsyncAdapt_aiosqlite_connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = deque()
        self._description: Any = None
        self._rowcount = -1
        self._lastrowid: Any = None

    @property
    def description(self) -> Any:
        """What the columns of the rows are called."""
        return self._description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._rowcount

    @property
    def lastrowid(self) -> Any:
        """The row that was inserted last."""
        return self._lastrowid

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows.clear()

    async def _execute_async(self, operation: str, parameters: Any) -> None:
        await self._in_one_turn(lambda cursor: cursor.execute(operation, parameters or ()))

    async def _executemany_async(self, operation: str, seq_of_parameters: Any) -> None:
        await self._in_one_turn(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    async def _in_one_turn(self, run: Any) -> None:
        connection = self._connection
        real: sqlite3.Connection = connection._conn

        def turn() -> tuple[list[Any], Any, int, Any]:
            cursor = real.cursor()
            try:
                run(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return rows, cursor.description, cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        async with self._adapt_connection._execute_mutex:
            found = await connection._execute(turn)
        rows, self._description, self._rowcount, self._lastrowid = found
        self._rows = deque(rows)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor  # type: ignore[assignment]  # declared as the very class that it replaces


class OneTurnDriver(AsyncAdapt_aiosqlite_dbapi):
    """What `create_async_engine(module=…)` is given."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        """Open a connection, in a thread of its own."""
        return _Connection(self, super().connect(*arg, **kw)._connection)
