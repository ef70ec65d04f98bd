"""The ledger's first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from syncd.store.columns import Instant, Json, Number, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table and index."""
    _create_contracts()
    _create_cursors()
    _create_documents()
    _create_flows()
    _create_gates()
    _create_guards()
    _create_letters()
    _create_marks()
    _create_replicas()
    _create_timeline()
    brakes = sa.table("guards", sa.column("name"))
    op.bulk_insert(brakes, [{"name": name} for name in ("contracts", "mails", "sweep")])


def _create_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_contracts() -> None:
    op.create_table(
        "contracts",
        *_of_the_mission(),
        *_of_the_request(),
        *_of_the_remote(),
        *_of_decisions_and_attempts(),
        *_of_lists(),
        *_of_the_work(),
        sa.PrimaryKeyConstraint("mission_id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("active_key", name=op.f("uq_contracts_active_key")),
        sa.UniqueConstraint("contract_id", name=op.f("uq_contracts_contract_id")),
    )
    _create_partial_index("ix_contracts_due", "contracts", ["lane", "due_at"], "due_at IS NOT NULL")
    _create_partial_index("ix_contracts_first_asked", "contracts", ["first_asked_at"], "first_asked_at IS NOT NULL")
    op.create_index("ix_contracts_late", "contracts", ["is_late", "mission_id"])
    _create_partial_index("ix_contracts_lease", "contracts", ["lease_owner", "lease_until"], "lease_owner IS NOT NULL")
    op.create_index("ix_contracts_step", "contracts", ["step", "mission_id"])
    _create_partial_index("ix_contracts_retrying", "contracts", ["attempts"], "attempts > 0")
    _create_partial_index("ix_contracts_student", "contracts", ["student_key"], "student_key IS NOT NULL")


def _of_the_mission() -> list[sa.Column[Any]]:
    """What is known of the mission."""
    return [
        sa.Column("mission_id", Words(), nullable=False),
        sa.Column("mission", Json(), nullable=False),
        sa.Column("discovered_at", Instant(), nullable=False),
        sa.Column("sweeps_missed", sa.Integer(), nullable=False),
        sa.Column("baseline", Json()),
        sa.Column("baseline_is_gone", sa.Boolean(), nullable=False),
        sa.Column("scope_waived", sa.Boolean(), nullable=False),
        sa.Column("decided_at", Instant()),
    ]


def _of_the_request() -> list[sa.Column[Any]]:
    """What CACTUS was asked."""
    return [
        sa.Column("asked", Words(), nullable=False),
        sa.Column("asked_at", Instant()),
        sa.Column("first_asked_at", Instant()),
        sa.Column("ask_round", sa.Integer(), nullable=False),
        sa.Column("looked_up_at", Instant()),
        sa.Column("sent", Json()),
        sa.Column("refusal", Words()),
        sa.Column("conflict", Words()),
    ]


def _of_the_remote() -> list[sa.Column[Any]]:
    """What CACTUS has, and what was wrong with its documents."""
    return [
        sa.Column("contract_id", Words()),
        sa.Column("linked_at", Instant()),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("remote", Json()),
        sa.Column("remote_read_at", Instant()),
        sa.Column("reread_wanted", sa.Boolean(), nullable=False),
        sa.Column("is_missing_remotely", sa.Boolean(), nullable=False),
        sa.Column("status_since", Instant()),
        sa.Column("reopenings", sa.Integer(), nullable=False),
        sa.Column("student_awaited_since", Instant()),
        sa.Column("company_awaited_since", Instant()),
        sa.Column("document_fault", Words()),
        sa.Column("document_fault_of", Words()),
        sa.Column("document_failures", sa.Integer(), nullable=False),
    ]


def _of_decisions_and_attempts() -> list[sa.Column[Any]]:
    """What people decided, and how it goes."""
    return [
        sa.Column("manual_hold", Words()),
        sa.Column("cancel_wanted", Words()),
        sa.Column("closed_reason", Words()),
        sa.Column("quarantined", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Instant()),
        sa.Column("last_error", Words()),
        sa.Column("step", Words(), nullable=False),
    ]


def _of_lists() -> list[sa.Column[Any]]:
    """What lists and comparisons ask for."""
    return [
        sa.Column("row_hash", Words(), nullable=False),
        sa.Column("track", Words()),
        sa.Column("campus", Words()),
        sa.Column("level", Words()),
        sa.Column("academic_year", Words()),
        sa.Column("programme", Words()),
        sa.Column("contract_starts_on", Words()),
        sa.Column("student_key", Words()),
        sa.Column("active_key", Words()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_urgent", sa.Boolean(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("holds", Json()),
        sa.Column("warnings", Json()),
        sa.Column("next_action", Words()),
        sa.Column("changed_at", Instant(), nullable=False),
    ]


def _of_the_work() -> list[sa.Column[Any]]:
    """When it is due, and who has it."""
    return [
        sa.Column("due_at", Instant()),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("lease_owner", Words()),
        sa.Column("lease_token", Number, nullable=False),
        sa.Column("lease_until", Instant()),
        sa.Column("crashes", sa.Integer(), nullable=False),
    ]


def _create_cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("flow", Words(), nullable=False),
        sa.Column("value", Words()),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_cursors")),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("mission_id", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("remote_version", sa.Integer()),
        sa.Column("sha256", Words(), nullable=False),
        sa.Column("size", Number, nullable=False),
        sa.Column("stored_at", Instant(), nullable=False),
        sa.Column("file_id", Words(), nullable=False),
        sa.Column("superseded_at", Instant()),
        sa.PrimaryKeyConstraint("mission_id", "kind", "version", name=op.f("pk_documents")),
    )


def _create_flows() -> None:
    op.create_table(
        "flows",
        sa.Column("flow", Words(), nullable=False),
        sa.Column("last_success_at", Instant()),
        sa.Column("last_failure_at", Instant()),
        sa.Column("last_error", Words()),
        sa.Column("last_row_at", Instant()),
        sa.Column("last_change_at", Instant()),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_flows")),
    )


def _create_gates() -> None:
    op.create_table(
        "gates",
        sa.Column("name", Words(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("closed_until", Instant()),
        sa.Column("reason", Words()),
        sa.Column("is_credentials", sa.Boolean(), nullable=False),
        sa.Column("last_success_at", Instant()),
        sa.Column("last_failure_at", Instant()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gates")),
    )


def _create_guards() -> None:
    op.create_table(
        "guards",
        sa.Column("name", Words(), nullable=False),
        sa.Column("tripped_at", Instant()),
        sa.Column("detail", Words()),
        sa.Column("approved_at", Instant()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_guards")),
    )


def _create_letters() -> None:
    op.create_table(
        "letters",
        sa.Column("letter_id", Number, nullable=False),
        sa.Column("mission_id", Words(), nullable=False),
        sa.Column("event", Words(), nullable=False),
        sa.Column("role", Words(), nullable=False),
        sa.Column("cause", Words(), nullable=False),
        sa.Column("resend", sa.Integer(), nullable=False),
        sa.Column("message_id", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("lane", sa.SmallInteger()),
        sa.Column("due_at", Instant()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("queued_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant()),
        sa.Column("last_error", Words()),
        sa.Column("lease_owner", Words()),
        sa.Column("lease_token", Number, nullable=False),
        sa.Column("lease_until", Instant()),
        sa.PrimaryKeyConstraint("letter_id", name=op.f("pk_letters")),
        sa.UniqueConstraint("mission_id", "event", "role", "cause", "resend", name="uq_letters_once"),
    )
    _create_partial_index("ix_letters_due", "letters", ["lane", "due_at"], "due_at IS NOT NULL")
    _create_partial_index("ix_letters_lease", "letters", ["lease_owner", "lease_until"], "lease_owner IS NOT NULL")
    _create_partial_index("ix_letters_sent", "letters", ["sent_at"], "sent_at IS NOT NULL")
    op.create_index("ix_letters_state", "letters", ["state", "mission_id"])


def _create_marks() -> None:
    op.create_table(
        "marks",
        sa.Column("name", Words(), nullable=False),
        sa.Column("value", Words(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )


def _create_replicas() -> None:
    op.create_table(
        "replicas",
        sa.Column("replica", Words(), nullable=False),
        sa.Column("host", Words(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", Words(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("heartbeat_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("replica", name=op.f("pk_replicas")),
    )


def _create_timeline() -> None:
    op.create_table(
        "timeline",
        sa.Column("entry_id", Number, nullable=False),
        sa.Column("mission_id", Words(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", Words(), nullable=False),
        sa.Column("detail", Json(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_timeline")),
    )
    op.create_index("ix_timeline_mission", "timeline", ["mission_id", "entry_id"])
