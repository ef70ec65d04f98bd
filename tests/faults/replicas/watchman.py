"""Who wrote what into the ledger, noted by the database itself: no word of a replica is needed to convict it.

A trigger notes every change of a contract's fencing token with the role that made it. A claim gives the next token to a
contract that nobody holds, a recording gives the next one to a contract of one's own: all else is a stale write.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.rows import kwargs_row

from syncd.clock import SystemClock
from syncd.store import open_ledger

ROLES = tuple(f"replica{number}" for number in range(4))
_NOTING = """
CREATE SCHEMA watch;
CREATE TABLE watch.takes (take bigserial, at timestamptz, by text, mission_id text, owner_before text, owner text);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.takes (at, by, mission_id, owner_before, owner)
        VALUES (clock_timestamp(), session_user, NEW.mission_id, OLD.lease_owner, NEW.lease_owner);
    RETURN NULL;
END $$;
CREATE TRIGGER watchman AFTER UPDATE ON contracts FOR EACH ROW
    WHEN (NEW.lease_token <> OLD.lease_token) EXECUTE FUNCTION watch.note();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A new fencing token: who gave it, and whose the contract was and is. Owners are named as leases name them."""

    at: datetime
    by: str
    mission_id: str
    owner_before: str | None
    owner: str | None

    def is_stale(self, names: Mapping[int, str]) -> bool:
        """Whether this was written by one who did not hold the contract. `names` are the roles of the processes."""
        is_own = self.owner is not None and names[int(self.owner.split(":")[1])] == self.by
        return not is_own or self.owner_before not in (None, self.owner)


def prepare_ledger(url: str) -> None:
    """Bring an empty database to this version's schema, let several replicas in, and begin to watch."""
    with ThreadPoolExecutor(1) as beside:  # whoever calls may have a loop of its own
        beside.submit(asyncio.run, _migrate(url)).result()
    with psycopg.connect(url, autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in set(ROLES) - known:  # the server is shared by tests
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(role)))
        connection.execute(_NOTING)


async def _migrate(url: str) -> None:
    ledger = open_ledger(
        url, replica="test", version="0", lease=timedelta(minutes=1), message_domain="example.org", clock=SystemClock()
    )
    try:
        await ledger.migrate()
    finally:
        await ledger.aclose()


def takes(url: str) -> list[Take]:
    """Return every token that was given, in order."""
    statement = "SELECT at, by, mission_id, owner_before, owner FROM watch.takes ORDER BY take"
    with psycopg.connect(url, row_factory=kwargs_row(Take)) as connection:
        return connection.execute(statement).fetchall()
