"""Rows as people see them. Pure; words of a newer version are passed over."""

from datetime import datetime

from syncd.model import (
    ContractId,
    Event,
    HoldCode,
    HoldReason,
    MissionId,
    NotificationState,
    Role,
    Step,
    Track,
    Warned,
)
from syncd.ports.reading import ContractRow, LetterRow
from syncd.store.codec import NotUnderstoodError, Record, from_json
from syncd.store.rows import Row, is_known_letter
from syncd.store.tables import contracts

SHOWN = tuple(contracts.c[name] for name in (
    "mission_id", "track", "campus", "level", "academic_year", "programme", "step", "holds", "is_late", "contract_id",
    "contract_starts_on", "due_at", "attempts", "last_error", "next_action", "changed_at",
))  # fmt: skip
"""The columns of one line of a list."""

_TRACKS = frozenset(map(str, Track))


def contract_row(row: Row) -> ContractRow:
    """Return one line of a list; its step is a known one."""
    contract_id, changed_at = row["contract_id"], row["changed_at"]
    assert isinstance(changed_at, datetime)  # noqa: S101 - the column's type
    return ContractRow(
        mission_id=MissionId(str(row["mission_id"])),
        track=Track(str(row["track"])) if row["track"] in _TRACKS else None,
        campus=_text(row["campus"]),
        level=_text(row["level"]),
        academic_year=_text(row["academic_year"]),
        programme=_text(row["programme"]),
        step=Step(str(row["step"])),
        hold_codes=_codes(row),
        is_late=bool(row["is_late"]),
        contract_id=ContractId(str(contract_id)) if contract_id is not None else None,
        contract_starts_on=_text(row["contract_starts_on"]),
        due_at=_instant(row["due_at"]),
        attempts=int(str(row["attempts"])),
        last_error=_text(row["last_error"]),
        next_action=_text(row["next_action"]),
        changed_at=changed_at,
    )


def holds_of(row: Row) -> tuple[HoldReason, ...]:
    """Return why the contract was held when it was last settled."""
    return _readable(HoldReason, row["holds"])


def warnings_of(row: Row) -> tuple[Warned, ...]:
    """Return what was to be known when it was last settled."""
    return _readable(Warned, row["warnings"])


def letter_row(row: Row) -> LetterRow | None:
    """Return one letter as people see it, `None` for one in a newer version's words."""
    if not is_known_letter(row):
        return None
    queued_at, attempts = row["queued_at"], int(str(row["attempts"]))
    assert isinstance(queued_at, datetime)  # noqa: S101 - the column's type
    return LetterRow(
        letter_id=int(str(row["letter_id"])),
        mission_id=MissionId(str(row["mission_id"])) if row["mission_id"] else None,
        event=Event(str(row["event"])),
        role=Role(str(row["role"])),
        cause=str(row["cause"]),
        state=NotificationState(str(row["state"])),
        is_blocked=bool(row["is_blocked"]),
        message_id=str(row["message_id"]),
        attempts=attempts,
        queued_at=queued_at,
        sent_at=_instant(row["sent_at"]) if row["state"] == NotificationState.SENT else None,
        retry_at=_instant(row["due_at"]) if attempts else None,
        last_error=_text(row["last_error"]),
    )


def _codes(row: Row) -> tuple[HoldCode, ...]:
    return tuple(dict.fromkeys(hold.code for hold in holds_of(row)))


def _readable(kind: type[Record], value: object) -> tuple[Record, ...]:
    found: list[Record] = []
    for item in value if isinstance(value, list) else ():
        try:
            found.append(from_json(kind, item))
        except NotUnderstoodError:
            continue
    return tuple(found)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _instant(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
