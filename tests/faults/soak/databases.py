"""The ledgers of a soak, and what can happen to them while they are in use."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.support.postgres import PostgresServer

_UNKNOWN_OUTCOMES = "SELECT message_id, repeats FROM letters WHERE repeats > 0"


class Database(Protocol):
    """Where a ledger is kept."""

    @property
    def url(self) -> str: ...

    async def lock(self, seconds: float) -> None:
        """Keep everybody else from writing for a while."""

    async def interrupt(self, seconds: float) -> None:
        """Be gone for a while, as a server that is started again is."""

    def unknown_outcomes(self) -> Mapping[str, int]:
        """Return how often the outcome of each letter was unknown, by its Message-ID."""


class SqliteFile:
    """A file. It is never gone, so that an interruption is a lock that outlasts everybody's patience."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    async def lock(self, seconds: float) -> None:
        await asyncio.to_thread(lock_file, self._path, seconds)

    async def interrupt(self, seconds: float) -> None:
        await asyncio.to_thread(lock_file, self._path, seconds + 2)

    def unknown_outcomes(self) -> Mapping[str, int]:
        with closing(sqlite3.connect(self._path)) as connection:
            return dict(connection.execute(_UNKNOWN_OUTCOMES).fetchall())


def lock_file(path: Path, seconds: float) -> None:
    """Hold a SQLite file so that nobody reads or writes it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


class PostgresDatabase:
    """A database of a server."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self.url = url

    async def lock(self, seconds: float) -> None:
        await asyncio.to_thread(self._lock, seconds)

    async def interrupt(self, seconds: float) -> None:
        await asyncio.to_thread(self._interrupt, seconds)

    def unknown_outcomes(self) -> Mapping[str, int]:
        with psycopg.connect(self.url) as connection:
            return dict(connection.execute(_UNKNOWN_OUTCOMES).fetchall())

    def _lock(self, seconds: float) -> None:
        """Hold the table that everything needs. PostgreSQL may find a deadlock in that; then it was none of ours."""
        with suppress(psycopg.errors.DeadlockDetected), psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE contracts IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)

    def _interrupt(self, seconds: float) -> None:
        """End every session and let nobody in; the server itself lives, for others use it too."""
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            name = urlsplit(self.url).path.removeprefix("/")
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            time.sleep(seconds)
            connection.execute(allow.format(sql.Identifier(name), sql.Literal(True)))


@contextmanager
def postgres_database(server: PostgresServer) -> Iterator[PostgresDatabase]:
    """Give a new, empty database."""
    with server.fresh_database() as url:
        yield PostgresDatabase(server, url)
