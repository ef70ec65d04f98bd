"""What this version cannot read is found without reading all: an index of such rows alone, empty nearly always.

A version that knows more words adds an index of its own: this one stays right for those who go back to this version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STEPS = (
    "held", "to_initialise", "awaiting_student", "awaiting_company", "awaiting_documents", "to_fetch", "to_register",
    "done", "closed",
)  # fmt: skip
_ASKED = ("never", "under_way", "not_applied", "unknown", "absent", "answered", "refused", "conflict")


def upgrade() -> None:
    """Create the indexes."""
    newer = f"NOT (step IN ({_listed(_STEPS)}) AND asked IN ({_listed(_ASKED)}))"
    _create("ix_contracts_newer_words", newer)
    _create("ix_contracts_left_alone", "last_error = 'this version of syncd cannot read the row of the contract'")


def _create(name: str, where: str) -> None:
    op.create_index(name, "contracts", ["mission_id"], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)
