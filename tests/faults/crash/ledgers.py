"""The ledger of an installation from outside: prepared once, put back as often as wanted, and read after a death."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import psycopg
from psycopg import sql

Row = Mapping[str, object]
Tables = Mapping[str, Sequence[Row]]
READ = ("contracts", "letters", "documents", "cursors", "gates", "guards", "flows", "marks")


class Ledger(Protocol):
    """A ledger that can be saved, put back and read while nobody works with it."""

    url: str
    wal: bool | None

    def save(self) -> Mapping[str, bytes]:
        """Return all of it."""

    def put_back(self, saved: Mapping[str, bytes]) -> None:
        """Make it what it was."""

    def read(self, tables: Sequence[str] = READ) -> Tables:
        """Return what a reader finds in it, without changing what whoever comes next will find.

        Raises:
            AssertionError: it is damaged.
        """

    def traces(self) -> frozenset[str]:
        """Return the names of the files that are there and not empty."""

    def let_an_hour_pass(self) -> None:
        """Move the database's own clock on: leases lapse, and who was silent counts as dead."""


class SqliteLedger:
    """One file, and what SQLite puts beside it."""

    def __init__(self, folder: Path, *, wal: bool) -> None:
        self._file = folder / "ledger.sqlite3"
        self.url = f"sqlite:///{self._file}"
        self.wal: bool | None = wal

    def save(self) -> Mapping[str, bytes]:
        """Return the file, with its journal or write-ahead log if there is one."""
        return {path.name: path.read_bytes() for path in self._files() if not path.name.endswith("-shm")}

    def put_back(self, saved: Mapping[str, bytes]) -> None:
        """Write the files, and remove any other."""
        for path in self._files():
            path.unlink()
        for name, content in saved.items():
            self._file.with_name(name).write_bytes(content)

    def read(self, tables: Sequence[str] = READ) -> Tables:
        """Read a copy: the file itself is to be recovered by syncd, not by us."""
        with TemporaryDirectory(dir=self._file.parent) as folder:
            for name, content in self.save().items():
                (Path(folder) / name).write_bytes(content)
            with closing(sqlite3.connect(Path(folder) / self._file.name)) as connection:
                connection.row_factory = sqlite3.Row
                assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
                return {
                    table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
                    for table in tables
                }

    def traces(self) -> frozenset[str]:
        """Return what lies there now: a journal says that a transaction was cut."""
        return frozenset(path.name for path in self._files() if path.stat().st_size)

    def let_an_hour_pass(self) -> None:
        """Nothing is asked for here: only the daemon's own clock counts."""

    def _files(self) -> list[Path]:
        return list(self._file.parent.glob(f"{self._file.name}*"))


class PostgresLedger:
    """One database, looked at through a connection of our own."""

    wal: bool | None = None

    def __init__(self, url: str, connection: "psycopg.Connection[Row]") -> None:
        self.url = url
        self._connection = connection
        self._times_put_back = 0

    def save(self) -> Mapping[str, bytes]:
        """Return every table as COPY writes it."""
        self._wait_until_alone()
        found = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {str(row["tablename"]): self._copied(str(row["tablename"])) for row in found}

    def put_back(self, saved: Mapping[str, bytes]) -> None:
        """Empty every table and fill it again."""
        self._wait_until_alone()
        self._times_put_back += 1
        if self._times_put_back % 100 == 0:  # emptying tables leaves its traces in the catalogue
            self._connection.execute("VACUUM")
        names = sql.SQL(", ").join(map(sql.Identifier, saved))
        with self._connection.transaction():
            self._connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
            for name, content in saved.items():
                copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                with self._connection.cursor().copy(copy) as filling:
                    filling.write(content)
            for table, column in _NUMBERED.items():
                self._connection.execute(
                    _NEXT_NUMBER.format(table, column, sql.Identifier(column), sql.Identifier(table))
                )

    def read(self, tables: Sequence[str] = READ) -> Tables:
        """Read what was committed, once the dead process's sessions are gone."""
        self._wait_until_alone()
        select = sql.SQL("SELECT * FROM {}")
        return {table: self._connection.execute(select.format(sql.Identifier(table))).fetchall() for table in tables}

    def traces(self) -> frozenset[str]:
        """Return nothing: the server keeps its files to itself."""
        return frozenset()

    def let_an_hour_pass(self) -> None:
        """Age every lease and every sign of life."""
        for table, column in (("contracts", "lease_until"), ("letters", "lease_until"), ("replicas", "heartbeat_at")):
            age = sql.SQL("UPDATE {0} SET {1} = {1} - interval '1 hour' WHERE {1} IS NOT NULL")
            self._connection.execute(age.format(sql.Identifier(table), sql.Identifier(column)))

    def _copied(self, table: str) -> bytes:
        with self._connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as content:
            return b"".join(content)

    def _wait_until_alone(self) -> None:
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
        while self._connection.execute(others).fetchone() is not None:
            time.sleep(0.002)


_NUMBERED = {"letters": "letter_id", "timeline": "entry_id"}
_NEXT_NUMBER = sql.SQL(
    "SELECT setval(pg_get_serial_sequence({}, {}), (SELECT coalesce(max({}), 0) + 1 FROM {}), false)"
)
