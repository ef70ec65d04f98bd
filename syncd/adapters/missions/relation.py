"""The relation as the database describes it, and the questions put to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Text, column, func, inspect, not_, or_, select, table, tuple_
from sqlalchemy.exc import NoSuchTableError

from syncd.adapters.missions.cursor import Position
from syncd.adapters.missions.dialects import Dialect, Expression, StoreColumn
from syncd.adapters.missions.rows import COLUMNS, KEY, NECESSARY, UPDATED_AT, RowReader
from syncd.errors import Misconfigured

Query = Select[*tuple[Any, ...]]
_TEXT = Text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What is known of the relation, prepared once for every reading. `reader` reads the rows of its questions."""

    dialect: Dialect
    updated_at: StoreColumn
    key: Expression
    rows: Query
    reader: RowReader
    is_whole: bool
    """Whether it has every column that syncd knows; else it is worth looking again."""

    @property
    def form(self) -> str:
        """How `updated_at` is kept: a cursor holds for this form only."""
        return f"{type(self.dialect).__name__}:{self.updated_at.type!r}"

    def select_changed(self, after: Position | None, limit: int) -> Query:
        """Return the rows after a position by (`updated_at`, key), the store's present last in each."""
        updated_at = self.updated_at.expression
        query = self.rows.add_columns(self.dialect.present).where(
            self.dialect.is_named(self.key), self.dialect.is_placed(self.updated_at)
        )
        if after is not None:
            place = self.dialect.bound(after[0], self.updated_at.type), self.dialect.bound(after[1], _TEXT)
            query = query.where(tuple_(updated_at, self.key) > tuple_(*place))
        return query.order_by(updated_at, self.key).limit(limit)

    def select_page(self, after: str | int | None, limit: int) -> Query:
        """Return the rows after a key, in its order."""
        key = self.dialect.exact(self.key)
        query = self.rows.where(self.dialect.is_named(self.key))
        if after is not None:
            query = query.where(key > self.dialect.bound(after, _TEXT))
        return query.order_by(key).limit(limit)

    def select_these(self, keys: Sequence[str | int]) -> Query:
        """Return the rows of these keys, in their usual spellings."""
        return self.rows.where(self.dialect.is_named(self.key), self._is_one_of(keys))

    def select_keys(self, keys: Sequence[str | int]) -> Query:
        """Return those of these keys that the store has, in their usual spellings, as it spells them."""
        return select(self.key).where(self.dialect.is_named(self.key), self._is_one_of(keys))

    def select_odd_keys(self) -> Query:
        """Return every key that may differ from our form of it."""
        return select(self.key).where(self.dialect.is_named(self.key), self.dialect.is_spelled_oddly(self.key))

    def count_unnamed(self) -> Query:
        """Return how many rows have nothing that could be a key."""
        return select(func.count()).where(or_(self.key.is_(None), not_(self.dialect.is_named(self.key))))

    def _is_one_of(self, keys: Sequence[str | int]) -> Expression:
        return self.key.in_([spelling for key in keys for spelling in self.dialect.spellings(str(key))])


def describe_relation(connection: Connection, name: str, names: Mapping[str, str], dialect: Dialect) -> Relation:
    """Ask the database which columns the relation has. `names` maps our columns' names to the store's.

    Raises:
        Misconfigured: there is no such relation, or it lacks a column without which nothing works.
    """
    schema, _, relation_name = name.rpartition(".")
    try:
        described = inspect(connection).get_columns(relation_name, schema=schema or None)
    except NoSuchTableError:
        raise Misconfigured(
            "the mission store has no such table or view", key="missions.relation", hint=_RELATION_HINT
        ) from None
    types = {str(found["name"]): found["type"] for found in described}
    ours = {name: found for name in COLUMNS if (found := _find(names.get(name, name), types)) is not None}
    _refuse_missing(ours)
    source = table(relation_name, *(column(theirs) for theirs in ours.values()), schema=schema or None)
    # always qualified: SQLite takes a quoted name that it does not find for a text
    return _prepare(
        {name: StoreColumn(expression=source.c[theirs], type=types[theirs]) for name, theirs in ours.items()}, dialect
    )


def _find(theirs: str, types: Mapping[str, object]) -> str | None:
    """Return the name as the store writes it; upper and lower case are told apart only when both exist."""
    if theirs in types:
        return theirs
    return next((name for name in types if name.casefold() == theirs.casefold()), None)


def _refuse_missing(columns: Mapping[str, str]) -> None:
    missing = [name for name in NECESSARY if name not in columns]
    if missing:
        raise Misconfigured(
            f"the mission store lacks {', '.join(missing)}, without which no mission can be followed",
            key=f"missions.columns.{missing[0]}",
            hint=_COLUMN_HINT,
        )


def _prepare(columns: Mapping[str, StoreColumn], dialect: Dialect) -> Relation:
    key, updated_at = dialect.key(columns[KEY]), columns[UPDATED_AT]
    others = [
        dialect.value(found, COLUMNS[name].longest) for name, found in columns.items() if name not in (KEY, UPDATED_AT)
    ]
    return Relation(
        dialect=dialect,
        updated_at=updated_at,
        key=key,
        rows=select(key, dialect.value(updated_at, COLUMNS[UPDATED_AT].longest), *others),
        reader=RowReader(tuple(columns)),
        is_whole=all(name in columns for name in COLUMNS),
    )


_RELATION_HINT = "set missions.relation to the table or view of validated missions; its user needs SELECT on it"
_COLUMN_HINT = "name the store's own column in [missions.columns], or add it to the view"
