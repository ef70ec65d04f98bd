"""Writes many rows with one statement.

PostgreSQL is given them as one JSON text: a statement that is run for each row is read and planned for each row too,
because behind a pooler nothing prepared is kept. SQLite keeps what it has prepared, and runs it for each. SQLAlchemy
writes each statement once, and the rows go to the driver as they are: its own way is a dictionary of parameters that is
made, looked through and turned for each row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Insert, Table, Update, bindparam, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from syncd.store.engine import Transaction
from syncd.store.given import OF, as_text, column_of, rows_given
from syncd.store.rows import Columns

_SQLITE, _POSTGRES = sqlite.dialect(), psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


def insert_into(table: Table, *, is_postgres: bool) -> PostgresInsert | SqliteInsert:
    """Return an insertion that can say what happens to a row that is there already."""
    return postgres_insert(table) if is_postgres else sqlite_insert(table)


async def insert_rows(tx: Transaction, table: Table, rows: Sequence[Columns], *, are_new: bool = True) -> None:
    """Insert rows that all name the same columns, in this order; what may be there already (`are_new` false) stays."""
    names = tuple(sorted(rows[0]))
    insertion = _inserting(table, names, are_new=are_new, is_postgres=tx.is_postgres)
    await _run(tx, insertion, table, rows)


async def update_rows(tx: Transaction, table: Table, rows: Sequence[Columns]) -> int:
    """Write rows that all name the same columns, each found by what it names with `OF` before; return how many were."""
    names = tuple(sorted(rows[0]))
    return (await _run(tx, _updating(table, names, is_postgres=tx.is_postgres), table, rows)).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A statement as a driver is given it. `values`: what stands at each mark, and what turns it, if anything.

    Its text is kept, not SQLAlchemy's object: a contract's row is written in dozens of ways, at fifty kilobytes each.
    """

    text: str
    values: tuple[tuple[str, Callable[[Any], object] | None], ...]


async def _run(tx: Transaction, written: _Written, table: Table, rows: Sequence[Columns]) -> CursorResult[Any]:
    """Run a statement for each row."""
    if tx.is_postgres:
        return await tx.connection.exec_driver_sql(written.text, as_text(table, rows))
    columns = (
        [row[name] for row in rows] if turn is None else [turn(row[name]) for row in rows]
        for name, turn in written.values
    )
    return await tx.connection.exec_driver_sql(written.text, list(zip(*columns, strict=True)))


# ------------------------------------------------------------------------------------------------------ the statements


@cache
def _inserting(table: Table, names: tuple[str, ...], *, are_new: bool, is_postgres: bool) -> _Written:
    insertion = insert_into(table, is_postgres=is_postgres)
    if is_postgres:
        given = rows_given(table, names).c
        filled = insertion.from_select(list(names), select(*(given[name] for name in names)))
    else:
        filled = insertion.values({name: bindparam(name) for name in names})
    return _write(table, filled if are_new else filled.on_conflict_do_nothing(), is_postgres=is_postgres)


@cache
def _updating(table: Table, names: tuple[str, ...], *, is_postgres: bool) -> _Written:
    """Return the statement for these columns; of a contract's there are a few dozen."""
    found_by = [name for name in names if name.startswith(OF)]
    given: Mapping[str, ColumnElement[Any]] = (
        dict(rows_given(table, names).c.items()) if is_postgres else {name: bindparam(name) for name in names}
    )
    found = (column_of(table, name) == given[name] for name in found_by)
    written = {name: given[name] for name in names if name not in found_by}
    return _write(table, update(table).where(*found).values(written), is_postgres=is_postgres)


def _write(table: Table, statement: Insert | Update, *, is_postgres: bool) -> _Written:
    compiled = statement.compile(dialect=_POSTGRES if is_postgres else _SQLITE)
    kinds = ((name, column_of(table, name).type.dialect_impl(_SQLITE)) for name in compiled.positiontup or ())
    return _Written(text=str(compiled), values=tuple((name, kind.bind_processor(_SQLITE)) for name, kind in kinds))
