"""A ledger and a mission store with very many contracts, all at rest: one that syncd itself brought there, multiplied.

The copies are made inside the database: in every text in which the number of the one mission stands, another stands.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    cast,
    func,
    insert,
    literal,
    select,
    text,
    true,
)

from benchmarks.sites import Site, remote_site
from syncd.store.columns import Json, Words
from syncd.store.tables import contracts, letters, timeline
from tests.support.plain import plain_engine
from tests.world.missions import Missions, mission

_FIRST = 770_000_000
"""The number of the mission that is multiplied: so long that it stands nowhere by chance."""
_FIRST_CONTRACT = "C-0000001"
_COPIES_FROM = 10_000_000
"""The copies' contracts are numbered from here on."""
_LONG_KNOWN = "2025-06-01T10:00:00Z"
"""Before the first one's: the reading of the store has passed them, as it would have."""
_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """A store and a ledger in which every contract waits for its student and its company; none is due today."""

    folder: Path
    ledger_url: str
    missions: Missions

    def site(self, remote_url: str, **settings: object) -> Site:
        """Return the installation that works on them."""
        own = {"DATABASE__URL": self.ledger_url} | settings
        return Site(self.folder, f"sqlite:///{self.missions.file}", remote_url, own)

    def a_mission(self, number: int) -> str:
        """Return the id of one of them."""
        return str(self.row(number)["mission_id"])

    def row(self, number: int) -> dict[str, Any]:
        """Return what the store says of one of them, but for its day."""
        return mission(_FIRST + number)

    def contract_number(self, number: int) -> int:
        """Return under which number CACTUS has the contract of a copy."""
        return _COPIES_FROM + number

    def add_new(self, number: int) -> str:
        """Let somebody validate one more mission; return its id."""
        new = mission(number, updated_at="2030-01-01T10:00:00Z")
        self.missions.put(new)
        return str(new["mission_id"])


def make_crowd(folder: Path, ledger_url: str, count: int) -> Crowd:
    """Bring one contract to where it waits, and multiply it."""
    folder.mkdir(parents=True)
    crowd = Crowd(folder, ledger_url, Missions(folder / "fvma.sqlite3"))
    crowd.missions.index()
    crowd.missions.put(mission(_FIRST))
    with remote_site(0) as remote:
        crowd.site(remote.url).syncd("run", "--once")
    engine = plain_engine(ledger_url)
    try:
        for start in range(1, count, _CHUNK):
            numbers = range(start, min(start + _CHUNK, count))
            with engine.begin() as connection:
                for table in (contracts, letters, timeline):
                    _multiply(connection, table, numbers)
            crowd.missions.put_all(mission(_FIRST + number, updated_at=_LONG_KNOWN) for number in numbers)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    finally:
        engine.dispose()
    return crowd


def _multiply(connection: Connection, table: Table, numbers: range) -> None:
    """Add a copy of the first mission's rows for each number."""
    count = select(literal(numbers[0]).label("n")).cte("count", recursive=True)
    count = count.union_all(select(count.c.n + 1).where(count.c.n < numbers[-1]))
    number, contract = cast(count.c.n + _FIRST, Text), literal("C-") + cast(count.c.n + _COPIES_FROM, Text)

    def copied(column: Column[object]) -> ColumnElement[object]:
        if not isinstance(column.type, (Words, Json)):
            return column
        return func.replace(func.replace(cast(column, Text), str(_FIRST), number), _FIRST_CONTRACT, contract)

    copies = [column for column in table.columns if not column.primary_key or column.name == "mission_id"]
    rows = select(*map(copied, copies)).select_from(table.join(count, true()))
    rows = rows.where(table.c.mission_id == mission(_FIRST)["mission_id"])
    connection.execute(insert(table).from_select(copies, rows))
