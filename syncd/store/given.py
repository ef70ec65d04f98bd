"""Many values that a statement is given as one: its text stays the same, however many there are.

With a mark for each value the text is another one for each number of them: SQLAlchemy writes it anew each time, and the
database reads and plans it anew.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Dialect,
    Select,
    Table,
    TableValuedAlias,
    Text,
    all_,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeDecorator, TypeEngine

from syncd.store.columns import Instant, Json, Words, storable_words, with_zone, write_json
from syncd.store.rows import Columns

OF = "of_"
"""Before a column's name: the row that has this there now, beside what it becomes."""
_ROWS = "rows"


class _Listed(TypeDecorator[Collection[str]]):
    """Words as one value: an array on PostgreSQL, its JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that this database is given."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text()))

    def bind_processor(self, dialect: Dialect) -> Callable[[Collection[str] | None], object]:
        """Return what makes one value of many, of nothing none."""
        return _json_of if dialect.name == "sqlite" else _storable


def _storable(words: Collection[str] | None) -> list[str]:
    return [storable_words(word) for word in words or ()]


def _json_of(words: Collection[str] | None) -> str:
    return write_json(_storable(words))


# -------------------------------------------------------------------------------------------------------------- lists


def is_among(where: ColumnElement[Any], name: str, *, is_postgres: bool) -> ColumnElement[bool]:
    """Whether a column has one of the words that the statement is given by this name. Not to be negated."""
    listed = bindparam(name, type_=_Listed())
    return where == any_(listed) if is_postgres else where.in_(_words_in(listed))


def is_not_among(where: ColumnElement[Any], name: str, *, is_postgres: bool) -> ColumnElement[bool]:
    """Whether a column has none of the words that the statement is given by this name."""
    listed = bindparam(name, type_=_Listed())
    return where != all_(listed) if is_postgres else where.not_in(_words_in(listed))


def _words_in(listed: ColumnElement[Any]) -> Select[Any]:
    return select(func.json_each(listed).table_valued("value").c.value)


# --------------------------------------------------------------------------------------------------------------- rows


def rows_given(table: Table, names: Sequence[str]) -> TableValuedAlias:
    """Return the rows of a JSON text on PostgreSQL, in its order, each column of its own type."""
    rows = func.json_to_recordset(cast(bindparam(_ROWS, type_=Text()), JSON()))
    columns = (column(name, column_of(table, name).type) for name in names)
    return rows.table_valued(*columns).render_derived(name="given", with_types=True)


def column_of(table: Table, name: str) -> Column[Any]:
    """Return the column that a row's value is about."""
    return table.c[name.removeprefix(OF)]


def as_text(table: Table, rows: Sequence[Columns]) -> Columns:
    """Return what a statement about rows is given: rows that all name the same columns."""
    writers = [(name, _writer(column_of(table, name).type)) for name in rows[0]]
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
