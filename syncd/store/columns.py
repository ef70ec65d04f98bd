"""Column types that mean the same on SQLite and PostgreSQL.

They say themselves what turns a value: `TypeDecorator`'s own way there is two calls for each value of each row.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REMEMBERED = 1024
"""So many instants of rows that were read: most are those of a whole batch, and each is read several times."""
_UNSTORABLE = {0: "\N{REPLACEMENT CHARACTER}"} | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")

write_json = json.JSONEncoder(separators=(",", ":")).encode
"""As ASCII: every string survives, on every database."""

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit number; on SQLite it must be called INTEGER to number its rows by itself."""


def storable_words(value: object) -> str:
    """Return text that any database takes: what none would take is replaced, so that it never stops a batch."""
    word = str(value)  # of an enum its value: a driver may write its name
    return word if word.isascii() and "\0" not in word else word.translate(_UNSTORABLE)


def with_zone(value: datetime) -> datetime:
    """Return an aware instant as it is.

    Raises:
        ValueError: it has no zone.
    """
    if value.tzinfo is None:
        raise ValueError("an instant without a zone")
    return value


class Instant(TypeDecorator[datetime]):
    """An aware instant, in UTC when read: TIMESTAMPTZ on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int] | TypeEngine[datetime]:
        """Return the type that this database stores."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object]:
        """Return what turns an instant into what is stored; a naive one is an error."""
        return _microseconds if dialect.name == "sqlite" else _aware

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[object], datetime | None]:  # noqa: ARG002
        """Return what turns what is stored into an instant in UTC, whatever the session's zone is."""
        return _of_microseconds if dialect.name == "sqlite" else _in_utc


def _microseconds(value: datetime | None) -> int | None:
    return (with_zone(value) - _EPOCH) // _MICROSECOND if value is not None else None


def _aware(value: datetime | None) -> datetime | None:
    return with_zone(value) if value is not None else None


@lru_cache(maxsize=_REMEMBERED)
def _of_microseconds(value: object) -> datetime | None:
    return _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else None


def _in_utc(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


class Words(TypeDecorator[str]):
    """Text that any database takes: NUL and lone surrogates, which PostgreSQL refuses, are replaced."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:  # noqa: ARG002
        """Return what replaces what no database would take."""
        return _storable


def _storable(value: object) -> str | None:
    return storable_words(value) if value is not None else None


class JsonText(Words):
    """JSON as it is written: for records, which their reader remembers by their text."""

    cache_ok = True


class Json(TypeDecorator[object]):
    """Plain JSON kept as ASCII text: every string survives, on every database."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:  # noqa: ARG002
        """Return what writes JSON."""
        return _json_of

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[object], object]:  # noqa: ARG002
        """Return what reads JSON; what is not JSON is read as nothing, for it is only shown: facts are `JsonText`."""
        return _said_in


def _json_of(value: object) -> str | None:
    return write_json(value) if value is not None else None


def _said_in(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
