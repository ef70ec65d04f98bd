"""Facts to row and row to facts. Pure: the difference between two facts is what is written.

Every fact has a column of its own name; a few columns repeat what lists and comparisons ask for.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from sqlalchemy import Result

from syncd.model import (
    Asked,
    DocumentKind,
    Event,
    Facts,
    HoldCode,
    Mission,
    MissionId,
    Notification,
    NotificationState,
    RemoteContract,
    Role,
    Step,
    StoredDocument,
)
from syncd.model.replacing import replace
from syncd.ports.ledger import Settled
from syncd.standing import has_been_sent
from syncd.store.codec import NotUnderstoodError, from_json, to_json
from syncd.store.columns import write_json

Columns = dict[str, object]
Row = Mapping[str, object]

_OF_OTHER_TABLES = frozenset({"documents", "notifications", "rivals"})
_RECORDS: Mapping[str, type[Mission] | type[RemoteContract]] = {
    "mission": Mission, "baseline": Mission, "sent": Mission, "remote": RemoteContract,
}  # fmt: skip
_NAMED_LIKE = {"baseline": "mission", "sent": "mission"}
"""What was sent is most often what the mission still is: one text, one record."""
_WORDS = frozenset({"asked", "step"})
FACTS = tuple(field.name for field in fields(Facts) if field.name not in _OF_OTHER_TABLES)
_SCALARS = tuple(name for name in FACTS if name not in _RECORDS)
_SHOWN = ("track", "campus", "level", "academic_year", "programme")
_TOUCHED_ONLY = "updated_at"
"""A row that was written again with the same values has not changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One contract as it is in the database: its row, and what it says. `facts` has no rivals."""

    row: Row
    facts: Facts
    rivals: tuple[MissionId, ...] = ()
    """The student's other missions in that year, those that this version cannot read included."""

    @property
    def mission_id(self) -> MissionId:
        """The contract's key."""
        return self.facts.mission_id


def rows_in(result: Result[*tuple[Any, ...]]) -> list[Row]:
    """Return the rows of a result by column name."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


# ------------------------------------------------------------------------------------------------------- row to facts


def facts_of(row: Row, documents: tuple[StoredDocument, ...], notifications: tuple[Notification, ...]) -> Facts:
    """Return the facts of a contract's row.

    Raises:
        NotUnderstoodError: a newer version's word or something broken; the row is to be left alone.
    """
    if _is_held_for_a_newer_reason(row):
        raise NotUnderstoodError("held for a reason that this version does not know")
    values = {name: row[name] for name in _SCALARS}
    for name in _RECORDS:
        values[name] = None if row[name] is None else _read(_NAMED_LIKE.get(name, name), str(row[name]))
    try:
        values |= {"asked": Asked(str(row["asked"])), "step": Step(str(row["step"]))}
        if (fault_of := row["document_fault_of"]) is not None:
            values["document_fault_of"] = DocumentKind(str(fault_of))
        return Facts(**values, documents=documents, notifications=notifications)  # type: ignore[arg-type]
    except ValueError as error:
        raise NotUnderstoodError("an unknown word") from error


_REMEMBERED = 512
"""So many records and their texts: those of the contracts that are under way."""


@lru_cache(maxsize=_REMEMBERED)
def _read(name: str, text: str) -> Mission | RemoteContract:
    """Return what a text says; between a claim and its recording the same texts are read twice."""
    try:
        said = json.loads(text)
    except ValueError:
        raise NotUnderstoodError("not JSON") from None
    return from_json(_RECORDS[name], said)


@lru_cache(maxsize=_REMEMBERED)
def _written(record: Mission | RemoteContract) -> str:
    """Return the text of a record; what is sent is written three times."""
    return write_json(to_json(record))


def _is_held_for_a_newer_reason(row: Row) -> bool:
    """Whether a newer version holds it: this one would see no reason, and let it go."""
    holds = row.get("holds")
    return isinstance(holds, list) and any(isinstance(hold, dict) and hold.get("code") not in _HOLDS for hold in holds)


def document_of(row: Row) -> StoredDocument | None:
    """Return a stored document, `None` for a kind that this version does not know."""
    if row["kind"] not in _KINDS:
        return None
    values = {field.name: row[field.name] for field in fields(StoredDocument)}
    return StoredDocument(**values | {"kind": DocumentKind(str(row["kind"]))})  # type: ignore[arg-type]


def notifications_of(rows: list[Row]) -> tuple[Notification, ...]:
    """Return one notification per (event, role, cause), in the order of queueing.

    A letter that was sent again is one notification: sent when any of them was, else what became of the newest.
    Events and roles of a newer version are passed over; a letter in a state of its own is announced, and not sent.
    """
    found: dict[tuple[object, object, object], Notification] = {}
    for row in rows:
        if row["event"] not in _EVENTS or row["role"] not in _ROLES:
            continue
        word = str(row["state"])
        key = (row["event"], row["role"], row["cause"])
        state = NotificationState(word) if word in _STATES else NotificationState.QUEUED
        before = found.get(key)
        if before is None:
            found[key] = _notification(row, state)
        elif before.state is not NotificationState.SENT:
            found[key] = replace(before, state=state)
    return tuple(found.values())


_EVENTS, _ROLES, _HOLDS = frozenset(map(str, Event)), frozenset(map(str, Role)), frozenset(map(str, HoldCode))
_STATES, _KINDS = frozenset(map(str, NotificationState)), frozenset(map(str, DocumentKind))


def is_known_letter(row: Row) -> bool:
    return row["event"] in _EVENTS and row["role"] in _ROLES and row["state"] in _STATES


def _notification(row: Row, state: NotificationState) -> Notification:
    queued_at = row["queued_at"]
    assert isinstance(queued_at, datetime)  # noqa: S101 - the column's type
    return Notification(
        event=Event(str(row["event"])),
        role=Role(str(row["role"])),
        cause=str(row["cause"]),
        state=state,
        created_at=queued_at,
    )


# ------------------------------------------------------------------------------------------------------- facts to row


def columns_of(facts: Facts) -> Columns:
    """Return every column that the facts decide."""
    return _columns(facts, FACTS) | _shown(facts.mission) | {"student_key": student_key(facts)}


def changed_columns(before: Facts, after: Facts) -> Columns:
    """Return only the columns that differ."""
    changed = _columns(after, [name for name in FACTS if _differ(getattr(before, name), getattr(after, name))])
    if "mission" in changed:
        old = _shown(before.mission)
        changed |= {name: value for name, value in _shown(after.mission).items() if value != old[name]}
    if changed and (key := student_key(after)) != student_key(before):
        changed["student_key"] = key
    return changed


def _differ(before: object, after: object) -> bool:
    """Whether a fact has changed; most are the very same object."""
    return before is not after and before != after


def settled_columns(settled: Settled) -> Columns:
    """Return what people are shown of a settled contract."""
    return {
        "is_active": settled.is_active,
        "is_urgent": settled.is_urgent,
        "is_late": settled.is_late_request,
        "holds": to_json(settled.holds) or None,
        "warnings": to_json(settled.warnings) or None,
        "next_action": settled.next_action,
    }


def fingerprint(mission: Mission) -> str:
    """Return what is equal for two readings of the same values, `updated_at` aside."""
    values = {field.name: to_json(getattr(mission, field.name)) for field in fields(mission)}
    del values[_TOUCHED_ONLY]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def changed_names(before: Mission, after: Mission) -> tuple[str, ...]:
    """Return the names of the columns of the store that differ, `updated_at` aside."""
    names = (field.name for field in fields(Mission))
    return tuple(n for n in names if n != _TOUCHED_ONLY and getattr(before, n) != getattr(after, n))


def student_key(facts: Facts) -> str | None:
    """Return whose place in which year this contract takes; `None` when the mission does not say.

    What was sent counts, not what the row became since: CACTUS has the former.
    """
    mission = (facts.baseline or facts.sent or facts.mission) if has_been_sent(facts) else facts.mission
    if mission.student_number is None or mission.academic_year is None:
        return None
    return f"{normalize('NFC', mission.student_number)}|{mission.academic_year}"


def wants_active_key(facts: Facts, *, is_active: bool) -> bool:
    """Whether this contract takes its student's one place: active, and known to CACTUS or about to be."""
    return is_active and has_been_sent(facts)


def _columns(facts: Facts, names: Iterable[str]) -> Columns:
    """Return these facts as they are written."""
    columns = {name: getattr(facts, name) for name in names}
    for name in columns.keys() & _RECORDS.keys():
        columns[name] = _written(columns[name]) if columns[name] is not None else None
    for name in columns.keys() & _WORDS:
        columns[name] = str(columns[name])
    return columns


def _shown(mission: Mission) -> Columns:
    starts_on = mission.contract_starts_on
    return {
        **{name: getattr(mission, name) for name in _SHOWN},
        "contract_starts_on": starts_on.isoformat() if starts_on is not None else None,
        "row_hash": fingerprint(mission),
    }
