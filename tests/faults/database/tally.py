"""A table with one number, for what must be added up exactly; reached by the ledger's own engine."""

from datetime import timedelta

from sqlalchemy import text

from syncd.clock import SystemClock
from syncd.store.engine import Database, Transaction
from syncd.store.patience import Limits
from tests.faults.database.looking import rows

IMPATIENT = Limits(patience=timedelta(seconds=0.3), deadline=timedelta(seconds=1), farewell=timedelta(seconds=0.2))
"""Everything as in production, in a thirtieth of the time."""
LONGEST_S = 3 * IMPATIENT.deadline.total_seconds()

_ADD = text("UPDATE tally SET number = number + :more WHERE line = :line")


def database_at(url: str, *, limits: Limits = IMPATIENT, connections: int = 4, wal: bool | None = None) -> Database:
    """Return an engine of the ledger with little patience."""
    return Database(url, clock=SystemClock(), sqlite_wal=wal, limits=limits, connections=connections)


async def make_tally(url: str, *, lines: int = 2, wal: bool | None = None) -> None:
    """Make the table, with zeros."""
    database = database_at(url, wal=wal)

    async def work(tx: Transaction) -> None:
        await tx.connection.execute(text("CREATE TABLE tally (line integer PRIMARY KEY, number integer NOT NULL)"))
        for line in range(lines):
            await tx.connection.execute(text("INSERT INTO tally VALUES (:line, 0)"), {"line": line})

    await database.write(work)
    await database.aclose()


async def add(tx: Transaction, line: int = 0, more: int = 1) -> None:
    """Add to a line of the table."""
    await tx.connection.execute(_ADD, {"line": line, "more": more})


async def add_one(database: Database, line: int = 0) -> None:
    """Add one in a transaction of its own."""
    await database.write(lambda tx: add(tx, line))


async def read_tally(database: Database) -> int:
    """Read the first line."""

    async def work(tx: Transaction) -> int:
        return int((await tx.connection.execute(text("SELECT number FROM tally WHERE line = 0"))).scalar_one())

    return await database.read(work)


def tally(url: str, line: int = 0) -> int:
    """Return the number as it is, past everything that stands before the database."""
    return int(str(rows(url, f"SELECT number FROM tally WHERE line = {line}")[0][0]))  # noqa: S608


def is_idle(database: Database) -> bool:
    """Whether no connection is in use."""
    return "Current Checked out connections: 0" in database.engine.pool.status()
