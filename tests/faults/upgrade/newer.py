"""The version after this one, made of this one's own source: one more column, one more reason to be held.

It is a package of its own in a folder; a process that has this folder first on its path is the newer version. So two
versions can really work on one database wherever the project is checked out, its history or not.
"""

import shutil
from pathlib import Path

import syncd
from tests.faults.upgrade.schema import revisions

REVISION = "9999"
_MIGRATION = '''"""A contract may be under an embargo."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and a table of its own."""
    op.add_column("contracts", sa.Column("embargo", sa.Text(), nullable=True))
    op.create_table("embargoes", sa.Column("name", sa.Text(), nullable=False))
'''
_EDITS = {
    "__init__.py": ('__version__ = "', '__version__ = "99.'),
    "store/tables.py": ('    Column("step", Words, nullable=False),\n', '    Column("embargo", Words),\n'),
    "model/facts.py": ("    step: Step = Step.TO_INITIALISE\n", "    embargo: str | None = None\n"),
    "model/words.py": ('    QUARANTINED = "QUARANTINED"\n', '    EMBARGO = "EMBARGO"\n'),
    "admission.py": (
        "def _by_hand(facts: Facts) -> Iterator[HoldReason]:\n",
        """    if "embargo" in (facts.mission.mission_title or ""):
        yield _hold(HoldCode.EMBARGO, "mission_title", "Sous embargo.")
""",
    ),
}
"""File → a text that stands there once, and what the newer version has after it (the version: instead of it)."""


def make_newer(folder: Path) -> Path:
    """Write the newer version into a folder, and return what goes on its processes' path."""
    source, path = Path(syncd.__file__).parent, folder / "newer"
    shutil.copytree(source, path / "syncd", ignore=shutil.ignore_patterns("__pycache__"))
    for name, (known, added) in _EDITS.items():
        file = path / "syncd" / name
        text = file.read_text(encoding="utf-8")
        assert text.count(known) == 1, f"{name} is written otherwise now: {known}"
        file.write_text(text.replace(known, added if known.startswith("__") else known + added), encoding="utf-8")
    migration = _MIGRATION.format(revision=REVISION, before=revisions()[-1])
    versions = path / "syncd" / "store" / "migrations" / "versions"
    (versions / f"v{REVISION}_embargo.py").write_text(migration, encoding="utf-8")
    return path
