"""SQLite, opened right: its transactions are ours, its journal keeps every commit, and its file stays in its place."""

import os
import sqlite3
from datetime import timedelta

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from syncd.errors import Misconfigured

WRITES = "syncd_writes"
"""The execution option of a connection that is going to write."""


def has_safe_wal(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite keeps every commit in WAL mode with two connections: older ones can lose some."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def own_the_transactions(engine: AsyncEngine, *, patience: timedelta, is_wal: bool) -> None:
    """Begin every transaction ourselves: the driver's own way loses concurrent read-modify-writes in silence."""
    pragmas = (
        f"busy_timeout = {patience // timedelta(milliseconds=1)}",
        f"journal_mode = {'WAL' if is_wal else 'DELETE'}",
        "synchronous = FULL",
    )

    def prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", begin)


class FileWatch:
    """Notices that the ledger's file was removed or replaced: SQLite would write on into a file without a name."""

    def __init__(self, path: str | None) -> None:
        if not path or path == ":memory:":
            raise Misconfigured("the ledger needs a file", key="database.url")
        self._path = path
        self._seen: tuple[int, int] | None = None

    def check(self) -> None:
        """Return when the file is the one that was seen before, or none was.

        Raises:
            Misconfigured: it is gone, or another one is in its place.
        """
        found = _identity_of(self._path)
        if self._seen is not None and found != self._seen:
            raise Misconfigured(
                "the ledger's file was removed or replaced while it was in use",
                key="database.url",
                hint="put the file back, then start again",
            )
        self._seen = found


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once per transaction, and fast
    except OSError:
        return None
    return found.st_dev, found.st_ino
