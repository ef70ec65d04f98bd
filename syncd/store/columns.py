"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
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

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Turn an instant into what is stored; a naive one is an error."""
        if value is None:
            return None
        instant = with_zone(value)
        return (instant - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else instant

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn what is stored into an instant in UTC, whatever the session's zone is."""
        if isinstance(value, int):
            return _EPOCH + value * _MICROSECOND
        return value.astimezone(UTC) if isinstance(value, datetime) else None


class Words(TypeDecorator[str]):
    """Text that any database takes: NUL and lone surrogates, which PostgreSQL refuses, are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace what no database would take, so that one odd text never stops a batch."""
        return storable_words(value) if value is not None else None


class JsonText(Words):
    """JSON as it is written: for records, which their reader remembers by their text."""

    cache_ok = True


class Json(TypeDecorator[object]):
    """Plain JSON kept as ASCII text: every string survives, on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write JSON."""
        return None if value is None else write_json(value)

    def process_result_value(self, value: object, dialect: Dialect) -> object:  # noqa: ARG002
        """Read JSON; what is not JSON is read as nothing, for it is only shown: facts are `JsonText`."""
        try:
            return json.loads(value) if isinstance(value, str) else None
        except ValueError:
            return None
