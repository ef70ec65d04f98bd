"""Writes many rows with one statement.

PostgreSQL is given them as one JSON text: a statement that is run for each row is read and planned for each row too,
because behind a pooler nothing prepared is kept. SQLite keeps what it has prepared, and runs it for each: SQLAlchemy
writes the statement once, and the rows go to the driver as they are, for its own way is a dictionary of parameters that
is made, looked through and turned for each row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Insert, Table, Update, bindparam, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from syncd.store.engine import Transaction
from syncd.store.given import OF, as_text, column_of, rows_given
from syncd.store.rows import Columns


def insert_into(table: Table, *, is_postgres: bool) -> PostgresInsert | SqliteInsert:
    """Return an insertion that can say what happens to a row that is there already."""
    return postgres_insert(table) if is_postgres else sqlite_insert(table)


async def insert_rows(tx: Transaction, table: Table, rows: Sequence[Columns], *, are_new: bool = True) -> None:
    """Insert rows that all name the same columns, in this order; what may be there already (`are_new` false) stays."""
    names = tuple(sorted(rows[0]))
    if tx.is_postgres:
        await tx.connection.execute(_inserting_given(table, names, are_new=are_new), as_text(table, rows))
    else:
        await _run(tx, _inserting(table, names, are_new=are_new), rows)


async def update_rows(tx: Transaction, table: Table, rows: Sequence[Columns]) -> int:
    """Write rows that all name the same columns, each found by what it names with `OF` before; return how many were."""
    names = tuple(sorted(rows[0]))
    if tx.is_postgres:
        return (await tx.connection.execute(_updating_given(table, names), as_text(table, rows))).rowcount
    return (await _run(tx, _updating(table, names), rows)).rowcount


def _split(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what a row is found by, and what is written."""
    return [name for name in names if name.startswith(OF)], [name for name in names if not name.startswith(OF)]


# ----------------------------------------------------------------------------------------- on PostgreSQL: as one text


@cache
def _inserting_given(table: Table, names: tuple[str, ...], *, are_new: bool) -> Insert:
    given = rows_given(table, names).c
    insertion = postgres_insert(table).from_select(list(names), select(*(given[name] for name in names)))
    return insertion if are_new else insertion.on_conflict_do_nothing()


@cache
def _updating_given(table: Table, names: tuple[str, ...]) -> Update:
    """Return the statement for these columns; of a contract's there are a few dozen."""
    given, (found_by, written) = rows_given(table, names).c, _split(names)
    found = (column_of(table, name) == given[name] for name in found_by)
    return update(table).where(*found).values({name: given[name] for name in written})


# --------------------------------------------------------------------------------------------- on SQLite: row by row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A statement as the driver is given it. `values`: what stands at each mark, and what turns it, if anything."""

    text: str
    values: tuple[tuple[str, Callable[[Any], object] | None], ...]


_SQLITE = sqlite.dialect()


async def _run(tx: Transaction, written: _Written, rows: Sequence[Columns]) -> CursorResult[Any]:
    """Run a statement for each row."""
    columns = (
        [row[name] for row in rows] if turn is None else [turn(row[name]) for row in rows]
        for name, turn in written.values
    )
    return await tx.connection.exec_driver_sql(written.text, list(zip(*columns, strict=True)))


@cache
def _inserting(table: Table, names: tuple[str, ...], *, are_new: bool) -> _Written:
    insertion = sqlite_insert(table).values({name: bindparam(name) for name in names})
    return _write(table, insertion if are_new else insertion.on_conflict_do_nothing())


@cache
def _updating(table: Table, names: tuple[str, ...]) -> _Written:
    found_by, written = _split(names)
    found = (column_of(table, name) == bindparam(name) for name in found_by)
    return _write(table, update(table).where(*found).values({name: bindparam(name) for name in written}))


def _write(table: Table, statement: Insert | Update) -> _Written:
    compiled = statement.compile(dialect=_SQLITE)
    kinds = ((name, column_of(table, name).type.dialect_impl(_SQLITE)) for name in compiled.positiontup or ())
    return _Written(text=str(compiled), values=tuple((name, kind.bind_processor(_SQLITE)) for name, kind in kinds))
