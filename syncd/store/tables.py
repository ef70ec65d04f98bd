"""The ledger's tables. A contract's row has one column per fact, under the fact's own name (see `rows`)."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    literal_column,
    not_,
)

from syncd.model import Asked, Step
from syncd.store.columns import Instant, Json, JsonText, Number, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class Lane:
    """Where a contract waits for its turn. One small number makes every hot query a single index seek."""

    URGENT = 0
    NORMAL = 1
    SUSPECT = 2
    """It was claimed when its holder died: tried alone."""
    CLAIMED = 3
    RETRYING = 4
    """Its last attempt failed. What fails and what does not leave in turns, so that the sick delay nobody."""


class LetterLane:
    """Where a letter waits for its turn; a letter that nobody is to send has none."""

    NEW = 0
    DEFERRED = 1
    """Tried before. New letters and deferred ones leave in turns, so that a backlog starves nobody."""
    BLOCKED = 2
    """Its contract is held or closed."""


def is_one_of(column: ColumnElement[str], words: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Write the words into the statement itself: ours, and too many to be given each time."""
    return column.in_([literal_column(f"'{word}'") for word in words])


def _index_where(name: str, *columns: Column[object], where: ColumnElement[bool]) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def _index_where_set(name: str, *columns: Column[object], where: Column[object]) -> Index:
    """Index only the rows that have this: at rest, a contract or a letter costs the hot indexes nothing."""
    return _index_where(name, *columns, where=where.is_not(None))


contracts = Table(
    "contracts",
    metadata,
    Column("mission_id", Words, primary_key=True),
    # facts: one column each
    Column("mission", JsonText, nullable=False),
    Column("discovered_at", Instant, nullable=False),
    Column("sweeps_missed", Integer, nullable=False),
    Column("baseline", JsonText),
    Column("baseline_is_gone", Boolean, nullable=False),
    Column("scope_waived", Boolean, nullable=False),
    Column("decided_at", Instant),
    Column("asked", Words, nullable=False),
    Column("asked_at", Instant),
    Column("first_asked_at", Instant),
    Column("ask_round", Integer, nullable=False),
    Column("looked_up_at", Instant),
    Column("sent", JsonText),
    Column("refusal", Words),
    Column("conflict", Words),
    Column("contract_id", Words),
    Column("linked_at", Instant),
    Column("adopted", Boolean, nullable=False),
    Column("remote", JsonText),
    Column("remote_read_at", Instant),
    Column("reread_wanted", Boolean, nullable=False),
    Column("is_missing_remotely", Boolean, nullable=False),
    Column("status_since", Instant),
    Column("reopenings", Integer, nullable=False),
    Column("student_awaited_since", Instant),
    Column("company_awaited_since", Instant),
    Column("document_fault", Words),
    Column("document_fault_of", Words),
    Column("document_failures", Integer, nullable=False),
    Column("manual_hold", Words),
    Column("cancel_wanted", Words),
    Column("closed_reason", Words),
    Column("quarantined", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("last_error", Words),
    Column("step", Words, nullable=False),
    # what is listed, filtered or compared: derived from the mission
    Column("row_hash", Words, nullable=False),
    Column("track", Words),
    Column("campus", Words),
    Column("level", Words),
    Column("academic_year", Words),
    Column("programme", Words),
    Column("contract_starts_on", Words),
    Column("student_key", Words),
    # what it came to when it was last settled
    Column("active_key", Words),
    Column("is_active", Boolean, nullable=False),
    Column("is_urgent", Boolean, nullable=False),
    Column("is_late", Boolean, nullable=False),
    Column("holds", Json),
    Column("warnings", Json),
    Column("next_action", Words),
    Column("changed_at", Instant, nullable=False),
    # when it is looked at again, and by whom
    Column("due_at", Instant),
    Column("lane", SmallInteger, nullable=False),
    Column("lease_owner", Words),
    Column("lease_token", Number, nullable=False),
    Column("lease_until", Instant),
    Column("crashes", Integer, nullable=False),
    # the database's own guarantees: one mission per remote contract, one active contract per student and year
    UniqueConstraint("contract_id"),
    UniqueConstraint("active_key"),
)
_contract = contracts.c
_index_where_set("ix_contracts_due", _contract.lane, _contract.due_at, where=_contract.due_at)
_index_where_set("ix_contracts_lease", _contract.lease_owner, _contract.lease_until, where=_contract.lease_owner)
_index_where_set("ix_contracts_first_asked", _contract.first_asked_at, where=_contract.first_asked_at)
_index_where_set("ix_contracts_student", _contract.student_key, where=_contract.student_key)
IS_RETRYING = _contract.attempts > literal_column("0")  # a literal, so that the planner sees that the index fits
_index_where("ix_contracts_retrying", _contract.attempts, where=IS_RETRYING)
KNOWN_WORDS = is_one_of(_contract.step, Step) & is_one_of(_contract.asked, Asked)
"""Rows in a newer version's words are left to the newer version."""
IS_IN_NEWER_WORDS = not_(KNOWN_WORDS)
LEFT_ALONE = "this version of syncd cannot read the row of the contract"
"""Said in a row whose words are known, but not all that it holds."""
IS_LEFT_ALONE = _contract.last_error == literal_column(f"'{LEFT_ALONE}'")
_index_where("ix_contracts_newer_words", _contract.mission_id, where=IS_IN_NEWER_WORDS)
_index_where("ix_contracts_left_alone", _contract.mission_id, where=IS_LEFT_ALONE)
Index("ix_contracts_step", _contract.step, _contract.mission_id)
Index("ix_contracts_late", _contract.is_late, _contract.mission_id)

documents = Table(
    "documents",
    metadata,
    Column("mission_id", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("remote_version", Integer),
    Column("sha256", Words, nullable=False),
    Column("size", Number, nullable=False),
    Column("stored_at", Instant, nullable=False),
    Column("file_id", Words, nullable=False),
    Column("superseded_at", Instant),
)

letters = Table(
    "letters",
    metadata,
    Column("letter_id", Number, primary_key=True),
    Column("mission_id", Words, nullable=False),  # empty for a letter about no single mission
    Column("event", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("cause", Words, nullable=False),
    Column("resend", Integer, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("is_blocked", Boolean, nullable=False),
    Column("lane", SmallInteger),
    Column("due_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("last_error", Words),
    Column("lease_owner", Words),
    Column("lease_token", Number, nullable=False),
    Column("lease_until", Instant),
    UniqueConstraint("mission_id", "event", "role", "cause", "resend", name="uq_letters_once"),
)
_letter = letters.c
_index_where_set("ix_letters_due", _letter.lane, _letter.due_at, where=_letter.due_at)
_index_where_set("ix_letters_lease", _letter.lease_owner, _letter.lease_until, where=_letter.lease_owner)
_index_where_set("ix_letters_sent", _letter.sent_at, where=_letter.sent_at)
Index("ix_letters_state", _letter.state, _letter.mission_id)

timeline = Table(
    "timeline",
    metadata,
    Column("entry_id", Number, primary_key=True),
    Column("mission_id", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", Words, nullable=False),
    Column("detail", Json, nullable=False),
    Index("ix_timeline_mission", "mission_id", "entry_id"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("flow", Words, primary_key=True),
    Column("value", Words),
)

flows = Table(
    "flows",
    metadata,
    Column("flow", Words, primary_key=True),
    Column("last_success_at", Instant),
    Column("last_failure_at", Instant),
    Column("last_error", Words),
    Column("last_row_at", Instant),
    Column("last_change_at", Instant),
)

gates = Table(
    "gates",
    metadata,
    Column("name", Words, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("closed_until", Instant),
    Column("reason", Words),
    Column("is_credentials", Boolean, nullable=False),
    Column("last_success_at", Instant),
    Column("last_failure_at", Instant),
)

guards = Table(
    "guards",
    metadata,
    Column("name", Words, primary_key=True),
    Column("tripped_at", Instant),
    Column("detail", Words),
    Column("approved_at", Instant),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

replicas = Table(
    "replicas",
    metadata,
    Column("replica", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Words, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("heartbeat_at", Instant, nullable=False),
    Column("presence_lock", Integer),  # none: judged by its heartbeat alone (see `presence`)
)
