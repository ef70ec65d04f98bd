"""Plain dataclasses to JSON and back. Pure; extra keys are ignored, a missing one takes the field's default."""

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache, partial
from typing import NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Decode = Callable[[object], object]
Encode = Callable[[object], object]
Record = TypeVar("Record")


class NotUnderstoodError(ValueError):
    """The text is not what this version of syncd writes: perhaps a newer version wrote it."""


def to_json(value: object) -> object:
    """Return the JSON of a dataclass, an enum, an instant, a day, a tuple or a scalar."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind not in _ENCODERS:
        _ENCODERS[kind] = _encoder(kind)
    return _ENCODERS[kind](value)


_ENCODERS: dict[type, Encode] = {}


def _encoder(kind: type) -> Encode:
    """Return what turns a value of exactly this type into JSON."""
    if issubclass(kind, StrEnum):
        return str
    if issubclass(kind, date):
        return _isoformat
    if issubclass(kind, tuple):
        return _list
    if is_dataclass(kind):
        return partial(_object, tuple(field.name for field in fields(kind)))
    raise TypeError(f"no JSON for {kind.__name__}")


def _isoformat(value: object) -> object:
    assert isinstance(value, date)  # noqa: S101 - its encoder was chosen by its type
    return value.isoformat()


def _list(value: object) -> object:
    assert isinstance(value, tuple)  # noqa: S101 - as above
    return [to_json(item) for item in value]


def _object(names: tuple[str, ...], value: object) -> object:
    content = {}
    for name in names:
        part = getattr(value, name)
        content[name] = part if type(part) in _PLAIN else to_json(part)
    return content


_PLAIN = frozenset({str, int, bool, type(None)})
"""Most fields: not even a call."""


def from_json(kind: type[Record], value: object) -> Record:
    """Return the dataclass that this JSON describes.

    Raises:
        NotUnderstoodError: a word, a type or a missing key that this version cannot read.
    """
    try:
        decoded = _decoder(cast("Hashable", kind))(value)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotUnderstoodError(f"not a readable {kind.__name__}: {type(error).__name__}") from None
    assert isinstance(decoded, kind)  # noqa: S101 - the decoder of a dataclass builds that dataclass
    return decoded


@cache
def _decoder(kind: Hashable) -> Decode:
    if isinstance(kind, NewType):
        return _decoder(kind.__supertype__)
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        decode = _decoder(inner)
        return lambda value: None if value is None else decode(value)
    if get_origin(kind) is tuple:
        decode_item = _decoder(get_args(kind)[0])
        return lambda value: tuple(decode_item(item) for item in _a(list, value))
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_decoder(kind)
    return _scalar_decoder(kind)


def _scalar_decoder(kind: object) -> Decode:
    if kind is datetime:
        return lambda value: datetime.fromisoformat(_a(str, value))
    if kind is date:
        return lambda value: date.fromisoformat(_a(str, value))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda value: kind(_a(str, value))
    if isinstance(kind, type) and kind in (str, int, bool):
        return lambda value: _a(kind, value)
    raise TypeError(f"no JSON for {kind}")


def _dataclass_decoder(kind: type) -> Decode:
    hints = get_type_hints(kind)
    decoders = [
        (field.name, _decoder(hints[field.name]), field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
    ]

    def decode(value: object) -> object:
        found: Mapping[str, object] = _a(dict, value)
        return kind(**{name: read(found[name]) for name, read, is_needed in decoders if is_needed or name in found})

    return decode


def _a(kind: type[Record], value: object) -> Record:
    if not isinstance(value, kind):
        raise TypeError
    return value
