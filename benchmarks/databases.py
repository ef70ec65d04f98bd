"""The databases of a comparison, as durable as in production."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.postgres import postgres_server

_DURABLE = """
fsync = on
synchronous_commit = on
shared_buffers = 256MB
max_wal_size = 4GB
max_connections = 100
"""
DATABASES = ("SQLite", "PostgreSQL")


@contextmanager
def a_database(kind: str) -> Iterator[tuple[Path, str]]:
    """Yield a folder for an installation, and the address of an empty ledger."""
    with TemporaryDirectory(prefix="syncd-bench-") as folder:
        if kind == "SQLite":
            yield Path(folder), f"sqlite:///{folder}/ledger.sqlite3"
            return
        with postgres_server(_DURABLE) as server, server.fresh_database() as url:
            yield Path(folder), url
