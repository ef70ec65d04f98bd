"""Ledgers that can be set back: a snapshot taken while replicas work, put in the place of what was written since."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psycopg

from tests.support.postgres import PostgresServer


class Restorable(Protocol):
    """A ledger's database as its administrator handles it."""

    @property
    def url(self) -> str:
        """The plain URL of the ledger."""

    def take(self) -> None:
        """Take a snapshot of one instant; the ledger may be in use."""

    def restore(self) -> None:
        """Put the snapshot in the ledger's place; nobody uses it."""


class RestorableFile:
    """SQLite: the online backup, and a copy of the file."""

    def __init__(self, folder: Path) -> None:
        self._file, self._snapshot = folder / "ledger.db", folder / "ledger.backup"
        self.url = f"sqlite:///{self._file}"

    def take(self) -> None:
        """Back up."""
        self._snapshot.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(self._file, timeout=10)) as ledger,
            closing(sqlite3.connect(self._snapshot)) as copy,
        ):
            ledger.backup(copy)

    def restore(self) -> None:
        """Copy back; a journal of the younger file must not be rolled into the older one."""
        for name in ("-journal", "-wal", "-shm"):
            self._file.with_name(self._file.name + name).unlink(missing_ok=True)
        shutil.copyfile(self._snapshot, self._file)


class RestorableServer:
    """PostgreSQL: `pg_dump`, and a new database of the same name."""

    def __init__(self, folder: Path, server: PostgresServer, url: str, binaries: Path) -> None:
        self._dump, self._server, self._binaries = folder / "ledger.sql", server, binaries
        self.url = url
        self._name = url.partition("@/")[2].partition("?")[0]

    def take(self) -> None:
        """Dump."""
        self._run("pg_dump", "--no-sync", "--file", str(self._dump), self.url)

    def restore(self) -> None:
        """Make the database anew from the dump."""
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{self._name}" WITH (FORCE)'.encode())
            admin.execute(f'CREATE DATABASE "{self._name}" TEMPLATE template0'.encode())
        self._run("psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file", str(self._dump), self.url)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self._binaries / program, *arguments], check=True, capture_output=True)
