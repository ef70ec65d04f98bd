"""Tells deaths apart by what they left behind: those that left the same need one resurrection between them."""

import hashlib
from collections.abc import Iterator

from tests.faults.crash.ledgers import Row
from tests.faults.crash.saga import Remains

_TIMES = ("_at", "_until", "_since", "_before", "_owner")
"""The ends of names whose values are another in each life: only whether there is one makes a difference."""
_WITHOUT_MEANING = frozenset({"letter_id", "lease_token", "file_id"})


def fingerprint(remains: Remains) -> str:
    """Return the same for two worlds in which the next process finds the same to do."""
    town = remains.town
    seen = [
        {table: sorted(_meaning_of(row) for row in rows) for table, rows in remains.tables.items()},
        sorted((c["external_reference"], c["status"]) for c in town.remote.contracts.values()),
        sorted(town.box.arrivals().items()),
        sorted(name.partition(".")[2] for name in remains.vault),
        sorted(remains.traces),
    ]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _meaning_of(row: Row) -> str:
    return repr(list(_values(row)))


def _values(row: Row) -> Iterator[object]:
    is_told_by_the_clock = row.get("flow") == "missions" or "name" in row  # how far the store was read, and marks
    for name, value in row.items():
        if name not in _WITHOUT_MEANING:
            is_a_time = name.endswith(_TIMES) or (name == "value" and is_told_by_the_clock)
            yield (value is None) if is_a_time else value
