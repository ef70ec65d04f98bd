"""A mission store as the FVMA application keeps it, on SQLite."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

COLUMNS = (
    "mission_id", "updated_at", "status", "validated_at", "validated_by", "submitted_at", "track", "academic_year",
    "programme", "level", "campus", "admission_confirmed", "training_starts_on", "training_ends_on", "student_number",
    "student_last_name", "student_first_name", "student_email", "company_siret", "company_name", "hr_contact_name",
    "hr_contact_email", "mentor_name", "mentor_email", "mission_title", "mission_description", "contract_starts_on",
    "contract_ends_on",
)  # fmt: skip


def mission(number: int, **changed: Any) -> dict[str, Any]:
    """Return the row of a mission that nothing speaks against."""
    row: dict[str, Any] = {
        "mission_id": f"FVMA-2025-{number:04d}",
        "updated_at": "2025-06-02T10:00:00Z",
        "status": "validated",
        "validated_at": "2025-06-02T09:00:00Z",
        "validated_by": "superviseur",
        "submitted_at": "2025-05-20T09:00:00Z",
        "track": "apprentissage",
        "academic_year": "2025-2026",
        "programme": "M2 MIAGE ID2I",
        "level": "M2",
        "campus": "aix",
        "admission_confirmed": 1,
        "training_starts_on": "2025-09-01",
        "training_ends_on": "2026-08-31",
        "student_number": f"2100{number:04d}",
        "student_last_name": "Durand-Lefèvre",
        "student_first_name": "Zoé",
        "student_email": f"zoe{number}@example.org",
        "company_siret": "13001533200013",
        "company_name": "Entreprise Exemple",
        "hr_contact_name": "Camille Martin",
        "hr_contact_email": f"rh{number}@example.com",
        "mentor_name": "Dominique Petit",
        "mentor_email": "mentor@example.com",
        "mission_title": "Développement d'une application de suivi",
        "mission_description": "Concevoir, développer et tester une application de suivi des contrats en alternance.",
        "contract_starts_on": "2025-09-15",
        "contract_ends_on": "2026-09-15",
    }
    assert not set(changed) - set(COLUMNS)
    return row | changed


class Missions:
    """Writes rows as the application does."""

    def __init__(self, file: Path, *, columns: tuple[str, ...] = COLUMNS) -> None:
        self.file = file
        self._columns = columns
        names = ", ".join(name if name != "mission_id" else "mission_id PRIMARY KEY" for name in columns)
        self._run(f"CREATE TABLE validated_missions ({names})")

    def put(self, *rows: dict[str, Any]) -> None:
        """Write rows, one after another."""
        for row in rows:
            self.put_all([row])

    def put_all(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows, all at once."""
        places = ", ".join("?" for _ in self._columns)
        values = ([row[name] for name in self._columns] for row in rows)
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.executemany(f"INSERT OR REPLACE INTO validated_missions VALUES ({places})", values)  # noqa: S608

    def index(self) -> None:
        """Let the newest rows be found without reading all."""
        self._run("CREATE INDEX ix_missions_updated ON validated_missions (updated_at, mission_id)")

    def change(self, mission_id: str, **values: Any) -> None:
        """Change a row; its `updated_at` follows unless it is given."""
        values = {"updated_at": "2025-06-05T10:00:00Z"} | values
        settings = ", ".join(f"{name} = ?" for name in values)
        self._run(f"UPDATE validated_missions SET {settings} WHERE mission_id = ?", [*values.values(), mission_id])  # noqa: S608

    def delete(self, mission_id: str) -> None:
        self._run("DELETE FROM validated_missions WHERE mission_id = ?", [mission_id])

    def _run(self, statement: str, values: Any = ()) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(statement, values)
