"""Mission stores that tests write to, as the FVMA application would."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

ROW: Mapping[str, object] = {
    "mission_id": "FVMA-2025-0001",
    "updated_at": "2025-06-02T08:00:00+00:00",
    "status": "validated",
    "validated_at": "2025-06-02T08:00:00+00:00",
    "validated_by": "responsable",
    "submitted_at": "2025-05-20T08:00:00+00:00",
    "track": "apprentissage",
    "academic_year": "2025-2026",
    "programme": "M2 MIAGE ID2I",
    "level": "M2",
    "campus": "aix",
    "admission_confirmed": True,
    "training_starts_on": "2025-09-01",
    "training_ends_on": "2026-08-31",
    "student_number": "22001234",
    "student_last_name": "Hélène",
    "student_first_name": "Zoé",
    "student_email": "zoe.helene@example.org",
    "company_siret": "13001533200013",
    "company_name": "Exemple SA",
    "hr_contact_name": "Ada Ressource",
    "hr_contact_email": "rh@example.com",
    "mentor_name": "Guy Tuteur",
    "mentor_email": "tuteur@example.com",
    "mission_title": "Refonte du portail",
    "mission_description": "Analyser, concevoir\net réaliser.",
    "contract_starts_on": "2025-09-15",
    "contract_ends_on": "2026-09-15",
}
"""A mission as good as any."""

_INSTANTS = ("updated_at", "validated_at", "submitted_at")


def type_of(column: str) -> str:
    """Return the type that interfaces.md gives to a column."""
    if column in _INSTANTS:
        return "timestamptz"
    if column.endswith("_on"):
        return "date"
    return "boolean" if column == "admission_confirmed" else "text"


class Store(Protocol):
    """A store that can be written to."""

    @property
    def url(self) -> str: ...

    def execute(self, statement: str) -> None:
        """Run any SQL and commit it."""

    def put(self, **columns: object) -> None:
        """Insert `ROW` with other values, or replace the row of this `mission_id`."""


class SqliteStore:
    """A file; timestamps are text."""

    def __init__(self, path: Path, *, columns: Mapping[str, str] | None = None, has_key: bool = True) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        types = columns if columns is not None else dict.fromkeys(ROW, "TEXT")
        names = ", ".join(f"{name} {kind}" for name, kind in types.items())
        self.execute(f"CREATE TABLE validated_missions ({names}{', PRIMARY KEY (mission_id)' if has_key else ''})")

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)

    def put(self, **columns: object) -> None:
        row = {**ROW, **columns}
        marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, bytearray) else "?" for value in row.values())
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(
                f"INSERT OR REPLACE INTO validated_missions ({', '.join(row)}) VALUES ({marks})",  # noqa: S608
                list(row.values()),
            )


class PostgresStore:
    """A database with the types of interfaces.md."""

    def __init__(self, url: str, *, types: Mapping[str, str] | None = None) -> None:
        self.url = url
        kinds = {name: type_of(name) for name in ROW} | dict(types or {})
        self.execute(f"CREATE TABLE validated_missions ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})")
        self.execute("CREATE UNIQUE INDEX ON validated_missions (mission_id)")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement))

    def put(self, **columns: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            put_into(connection, **columns)


def put_into(connection: psycopg.Connection, **columns: object) -> None:
    """Insert `ROW` with other values into PostgreSQL, in whatever transaction is open."""
    row = {**ROW, **columns}
    query = sql.SQL("INSERT INTO validated_missions ({}) VALUES ({}) ON CONFLICT (mission_id) DO UPDATE SET {}").format(
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
        sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in row),
    )
    connection.execute(query, list(row.values()))


def seconds_ago(seconds: float) -> str:
    """Return an instant as text, in the form that `ROW` has."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
