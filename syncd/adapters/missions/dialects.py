"""What differs between the databases that a mission store may be.

SQLite and PostgreSQL are tested. MariaDB and MySQL follow their documentation and were never run in this project's
tests: try `syncd doctor` against yours before you trust it.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from unicodedata import normalize

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
)
from sqlalchemy.types import TypeEngine

from syncd.adapters.missions.rows import COLUMNS, KEY, UPDATED_AT

Expression = ColumnElement[Any]
ColumnType = TypeEngine[Any]
"""What a database holds is of any type: `values` is the border."""
_LONGEST_KEY = COLUMNS[KEY].longest
_LONGEST_INSTANT = COLUMNS[UPDATED_AT].longest
_WHOLE_NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreColumn:
    """A column of the relation and its type, as the database describes it."""

    expression: Expression
    type: ColumnType


class Dialect(Protocol):
    """How one kind of database is asked. Values come as text, numbers or booleans, exact and of bounded length."""

    @property
    def present(self) -> Expression:
        """The store's present, as an ISO text."""

    def opening(self, patience: timedelta) -> tuple[str, ...]:
        """Return the statements that open a transaction: read-only, each statement bounded; gone with its end."""

    def key(self, column: StoreColumn) -> Expression:
        """Return the key as it is read and compared."""

    def exact(self, key: Expression) -> Expression:
        """Return the key in an order where no two different keys are equal."""

    def value(self, column: StoreColumn, longest: int) -> Expression:
        """Return a column as it is read; one character too many tells that a text is too long."""

    def bound(self, raw: str | int, form: ColumnType) -> Expression:
        """Return a value that was read, `updated_at` or a key, to be compared with a column of this type."""

    def is_named(self, key: Expression) -> ColumnElement[bool]:
        """Return what holds for rows whose key can be one."""

    def is_placed(self, column: StoreColumn) -> ColumnElement[bool]:
        """Return what holds for rows whose `updated_at` can be in a cursor."""

    def is_spelled_oddly(self, key: Expression) -> ColumnElement[bool]:
        """Return what holds for every key that may differ from our form of it."""

    def spellings(self, mission_id: str) -> tuple[str | int, ...]:
        """Return how the store may well spell an id."""


class Sqlite:
    """A SQLite file. It is weakly typed: any column may hold a text, a number or bytes, whatever it was declared."""

    @property
    def present(self) -> Expression:
        return literal_column("(SELECT strftime('%Y-%m-%d %H:%M:%f', 'now'))")

    def opening(self, patience: timedelta) -> tuple[str, ...]:  # noqa: ARG002  # SQLite has no timeout of its own
        return ("PRAGMA query_only = ON",)

    def key(self, column: StoreColumn) -> Expression:
        return column.expression

    def value(self, column: StoreColumn, longest: int) -> Expression:
        cut = func.substr(column.expression, 1, longest + 1)
        return case((func.length(column.expression) > longest, cut), else_=column.expression)

    def exact(self, key: Expression) -> Expression:
        return key.collate("BINARY")

    def bound(self, raw: str | int, form: ColumnType) -> Expression:  # noqa: ARG002  # values have types here
        if isinstance(raw, int) or _is_encodable(raw):
            return literal(raw)
        return cast(literal(raw.encode("utf-8", "surrogateescape"), LargeBinary), Text)

    def is_named(self, key: Expression) -> ColumnElement[bool]:
        return and_(func.typeof(key).in_(("text", "integer")), func.length(key) <= _LONGEST_KEY)

    def is_placed(self, column: StoreColumn) -> ColumnElement[bool]:
        is_short = func.length(column.expression) <= _LONGEST_INSTANT
        return and_(func.typeof(column.expression) == "text", is_short)

    def is_spelled_oddly(self, key: Expression) -> ColumnElement[bool]:
        return key.bool_op("GLOB")("*[^!-~]*")

    def spellings(self, mission_id: str) -> tuple[str | int, ...]:
        is_number = _WHOLE_NUMBER.fullmatch(mission_id) is not None
        return (*_forms(mission_id), *((int(mission_id),) if is_number else ()))


class Postgresql:
    """A PostgreSQL database. Everything is set for one transaction, so that a pooler may stand between."""

    @property
    def present(self) -> Expression:
        return literal_column("(SELECT CAST(now() AS TEXT))")

    def opening(self, patience: timedelta) -> tuple[str, ...]:
        milliseconds = round(patience.total_seconds() * 1000)
        statements = (
            "SET TRANSACTION READ ONLY",
            "SET LOCAL datestyle = 'ISO, YMD'",
            f"SET LOCAL statement_timeout = {milliseconds}",
            f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}",
        )
        return ("; ".join(statements),)  # one round trip

    def key(self, column: StoreColumn) -> Expression:
        return column.expression if isinstance(column.type, String) else cast(column.expression, Text)

    def value(self, column: StoreColumn, longest: int) -> Expression:
        # as text: an instant such as `infinity`, or of the year 10000, cannot be read otherwise
        if isinstance(column.type, Boolean | Integer | Numeric):
            return column.expression
        return func.substr(cast(column.expression, Text), 1, longest + 1)

    def exact(self, key: Expression) -> Expression:
        return key  # two different texts are equal in no collation but a deliberately loose one

    def bound(self, raw: str | int, form: ColumnType) -> Expression:
        return cast(literal(str(raw), Text), Text() if isinstance(form, String) else form)

    def is_named(self, key: Expression) -> ColumnElement[bool]:
        return func.length(key) <= _LONGEST_KEY

    def is_placed(self, column: StoreColumn) -> ColumnElement[bool]:
        return func.length(cast(column.expression, Text)) <= _LONGEST_INSTANT

    def is_spelled_oddly(self, key: Expression) -> ColumnElement[bool]:
        return key.bool_op("~")("[^!-~]")

    def spellings(self, mission_id: str) -> tuple[str | int, ...]:
        return _forms(mission_id)


class Mariadb(Postgresql):
    """A MariaDB or MySQL database (untested). Give the key a binary collation: others take different keys for equal."""

    @property
    def present(self) -> Expression:
        return literal_column("(SELECT CAST(UTC_TIMESTAMP(6) AS CHAR))")

    def opening(self, patience: timedelta) -> tuple[str, ...]:
        return (
            f"SET SESSION max_statement_time = {patience.total_seconds():.3f}",
            "SET SESSION time_zone = '+00:00'",
            "START TRANSACTION READ ONLY",
        )

    def is_spelled_oddly(self, key: Expression) -> ColumnElement[bool]:
        return key.bool_op("REGEXP")("[^!-~]")


def dialect_of(name: str) -> Dialect:
    """Return the dialect of a SQLAlchemy backend name."""
    match name:
        case "sqlite":
            return Sqlite()
        case "postgresql":
            return Postgresql()
        case _:
            return Mariadb()


def _forms(mission_id: str) -> tuple[str, ...]:
    return (mission_id,) if mission_id.isascii() else (mission_id, normalize("NFD", mission_id))


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
