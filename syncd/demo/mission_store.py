"""The FVMA application of the demo: a SQLite file with its view of validated missions, written here, read by syncd."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from syncd.demo.rows import Row, Value, written
from syncd.model import MissionId

RELATION = "validated_missions"


class MissionFile:
    """Writes missions as the FVMA application would; each call is one short transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, rows: Sequence[Row]) -> None:
        """Make the file, with these missions in it."""
        columns = tuple(rows[0])
        holes = ", ".join(f":{column}" for column in columns)
        with self._writing() as connection:
            connection.execute(f"CREATE TABLE {RELATION} ({_declared(columns)})")
            connection.executemany(f"INSERT INTO {RELATION} VALUES ({holes})", rows)  # noqa: S608 - our own names

    def change(self, mission_id: MissionId, *, now: datetime, **columns: Value) -> None:
        """Write other values into a mission's row."""
        values = {**columns, "updated_at": written(now), "mission_id": mission_id}
        places = ", ".join(f"{column} = :{column}" for column in values if column != "mission_id")
        with self._writing() as connection:
            connection.execute(f"UPDATE {RELATION} SET {places} WHERE mission_id = :mission_id", values)  # noqa: S608

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path)
        try:
            with connection:
                yield connection
        finally:
            connection.close()


def _declared(columns: Sequence[str]) -> str:
    return ", ".join(f"{column} TEXT{' PRIMARY KEY' if column == 'mission_id' else ''}" for column in columns)
