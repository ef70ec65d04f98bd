"""Writes many rows with one statement.

PostgreSQL is given them as one JSON text: a statement that is run for each row is read and planned for each row too,
because behind a pooler nothing prepared is kept. SQLite keeps what it has prepared, and runs it for each.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Insert,
    Table,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.types import TypeEngine

from syncd.store.columns import Instant, Json, Words, storable_words, with_zone, write_json
from syncd.store.engine import Transaction
from syncd.store.rows import Columns

OF = "of_"
"""Before a column's name: the row that has this there now, beside what it becomes."""
_ROWS = "rows"


def insert_into(table: Table, *, is_postgres: bool) -> PostgresInsert | SqliteInsert:
    """Return an insertion that can say what happens to a row that is there already."""
    return postgres_insert(table) if is_postgres else sqlite_insert(table)


async def insert_rows(tx: Transaction, table: Table, rows: Sequence[Columns], *, are_new: bool = True) -> None:
    """Insert rows that all name the same columns, in this order; what may be there already (`are_new` false) stays."""
    names = tuple(sorted(rows[0]))
    if tx.is_postgres:
        await tx.connection.execute(_inserting_given(table, names, are_new=are_new), _as_text(table, rows))
    else:
        await tx.connection.execute(_inserting(table, names, are_new=are_new), rows)


async def update_rows(tx: Transaction, table: Table, rows: Sequence[Columns]) -> int:
    """Write rows that all name the same columns, each found by what it names with `OF` before; return how many were."""
    names = tuple(sorted(rows[0]))
    if tx.is_postgres:
        return (await tx.connection.execute(_updating_given(table, names), _as_text(table, rows))).rowcount
    return (await tx.connection.execute(_updating(table, names), rows)).rowcount


def _split(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what a row is found by, and what is written."""
    return [name for name in names if name.startswith(OF)], [name for name in names if not name.startswith(OF)]


def _column_of(table: Table, name: str) -> Column[Any]:
    return table.c[name.removeprefix(OF)]


# ----------------------------------------------------------------------------------------- on PostgreSQL: as one text


@cache
def _inserting_given(table: Table, names: tuple[str, ...], *, are_new: bool) -> Insert:
    given = _given(table, names).c
    insertion = postgres_insert(table).from_select(list(names), select(*(given[name] for name in names)))
    return insertion if are_new else insertion.on_conflict_do_nothing()


@cache
def _updating_given(table: Table, names: tuple[str, ...]) -> Update:
    """Return the statement for these columns; of a contract's there are a few dozen."""
    given, (found_by, written) = _given(table, names).c, _split(names)
    found = (_column_of(table, name) == given[name] for name in found_by)
    return update(table).where(*found).values({name: given[name] for name in written})


def _given(table: Table, names: tuple[str, ...]) -> TableValuedAlias:
    """Return the rows of a JSON text, in its order, each column of its own type."""
    rows = func.json_to_recordset(cast(bindparam(_ROWS, type_=Text()), JSON()))
    columns = (column(name, _column_of(table, name).type) for name in names)
    return rows.table_valued(*columns).render_derived(name="given", with_types=True)


def _as_text(table: Table, rows: Sequence[Columns]) -> Columns:
    writers = [(name, _writer(_column_of(table, name).type)) for name in rows[0]]
    told = [{name: None if row[name] is None else write(row[name]) for name, write in writers} for row in rows]
    return {_ROWS: write_json(told)}


def _writer(kind: TypeEngine[Any]) -> Callable[[Any], object]:
    """Return how a value of this type stands in JSON."""
    if isinstance(kind, Instant):
        return _isoformat
    if isinstance(kind, Words):
        return storable_words
    return write_json if isinstance(kind, Json) else _as_it_is


def _isoformat(value: datetime) -> str:
    return with_zone(value).isoformat()


def _as_it_is(value: object) -> object:
    return value


# --------------------------------------------------------------------------------------------- on SQLite: row by row


@cache
def _inserting(table: Table, names: tuple[str, ...], *, are_new: bool) -> Insert:
    insertion = sqlite_insert(table).values({name: bindparam(name) for name in names})
    return insertion if are_new else insertion.on_conflict_do_nothing()


@cache
def _updating(table: Table, names: tuple[str, ...]) -> Update:
    found_by, written = _split(names)
    found = (_column_of(table, name) == bindparam(name) for name in found_by)
    return update(table).where(*found).values({name: bindparam(name) for name in written})
