"""Turns rows of the store into missions. Pure: a row that is wrong in any way stops no other."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial

from syncd.adapters.missions.values import (
    Fault,
    Reader,
    read_boolean,
    read_code,
    read_day,
    read_instant,
    read_line,
    read_paragraphs,
    read_siret,
    read_track,
)
from syncd.model import Mission, MissionId

KEY = "mission_id"
UPDATED_AT = "updated_at"
NECESSARY = (KEY, UPDATED_AT, "status")
"""Without one of these columns nothing works."""
OPTIONAL = frozenset({"submitted_at"})
"""A store may well not have it."""
UNKNOWN_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
"""The `updated_at` of a row whose own cannot be read (it is named in `unreadable`)."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is read, and how many characters it may have: the database is asked for one more at most."""

    read: Reader
    longest: int


def _column_of(name: str) -> Column:
    """Return how a field of `Mission` is read; a text of one line unless it is said otherwise."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name.endswith("_at"):
        return Column(read_instant, 64)
    if name.endswith("_on"):
        return Column(read_day, 64)
    longest = 320 if name.endswith("_email") else 250
    return Column(partial(read_line, longest=longest), longest)


_SPECIAL = {
    KEY: Column(partial(read_code, longest=200), 200),
    "track": Column(read_track, 50),
    "admission_confirmed": Column(read_boolean, 50),
    "student_number": Column(partial(read_code, longest=50), 50),
    "company_siret": Column(partial(read_siret, longest=50), 50),
    "mission_title": Column(partial(read_line, longest=500), 500),
    "mission_description": Column(partial(read_paragraphs, longest=20_000), 20_000),
}

COLUMNS: dict[str, Column] = {
    field.name: _column_of(field.name) for field in fields(Mission) if field.name not in ("unreadable", "unsafe")
}
"""Every column that syncd knows, in the order of `Mission`: the key first, then `updated_at`."""


class RowReader:
    """Reads rows that have these columns, in this order; what a row has behind them is left alone."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._readers = tuple((name, COLUMNS[name].read) for name in columns)
        self._gone = tuple(name for name in COLUMNS if name not in columns and name not in OPTIONAL)

    def read(self, row: Sequence[object]) -> Mission | None:
        """Return the mission of a row, `None` when its key is unusable: then nobody could speak of it."""
        values: dict[str, object] = {}
        faults: dict[str, Fault] = {}
        for (name, read), raw in zip(self._readers, row, strict=False):
            value = None if raw is None else read(raw)
            if isinstance(value, Fault):
                faults[name] = value
            else:
                values[name] = value
        if values.get(KEY) is None:
            return None
        return self._mission(values, faults)

    def _mission(self, values: dict[str, object], faults: dict[str, Fault]) -> Mission:
        if values.get(UPDATED_AT) is None:
            faults[UPDATED_AT] = Fault.UNREADABLE
            values[UPDATED_AT] = UNKNOWN_INSTANT
        if values.get("status") is None:
            values["status"] = ""
        unreadable = tuple(name for name, fault in faults.items() if fault is Fault.UNREADABLE)
        unsafe = tuple(name for name, fault in faults.items() if fault is Fault.UNSAFE)
        return Mission(**values, unreadable=self._gone + unreadable, unsafe=unsafe)  # type: ignore[arg-type]


def mission_id_of(raw: object) -> MissionId | None:
    """Return our form of a key as the store spells it, `None` when it is unusable."""
    key = None if raw is None else COLUMNS[KEY].read(raw)
    return MissionId(key) if isinstance(key, str) else None
