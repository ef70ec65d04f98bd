"""The ledger, whole: each part is a room of its own."""

from datetime import timedelta

from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.store.amendments import Amendments
from syncd.store.claims import Claims
from syncd.store.common_state import CommonState
from syncd.store.deliveries import Deliveries
from syncd.store.engine import Database, Tell, say_nothing
from syncd.store.migration import Migration
from syncd.store.outbox import Outbox
from syncd.store.part import Identity
from syncd.store.presence import SessionPresence
from syncd.store.queries import Queries
from syncd.store.replicas import Replicas


class SqlLedger(Migration, Amendments, Claims, Replicas, Deliveries, Outbox, CommonState, Queries):
    """`Ledger` on a SQLite file or a PostgreSQL database."""


def open_ledger(
    url: str,
    *,
    replica: str,
    version: str,
    lease: timedelta,
    letter_lease: timedelta | None = None,
    message_domain: str,
    clock: Clock,
    sqlite_wal: bool | None = None,
    presence: SessionPresence | None = None,
    tell: Tell = say_nothing,
) -> SqlLedger:
    """Return the ledger at a plain URL (`sqlite:///…`, `postgresql://…`); it connects when first used.

    `replica` is unique per process: leases carry it. `letter_lease` is longer than a mail server may think about one
    letter (as `lease` when not given): a letter that is under way is nobody else's, until its taker falls silent.
    `message_domain` is the right side of every Message-ID.
    `sqlite_wal` overrules the choice of the journal by SQLite's version. `presence` is what shows this replica to the
    others; whoever made it closes it. `tell` is given every timeline entry once it is committed, and which results came
    too late to be recorded; it must not raise.

    Raises:
        Misconfigured: the URL is wrong, or not of a supported database.
    """
    database = Database(url, clock=clock, sqlite_wal=sqlite_wal, tell=tell)
    identity = Identity(
        replica=replica, version=version, lease=lease, letter_lease=letter_lease or lease,
        message_domain=message_domain,
    )  # fmt: skip
    return SqlLedger(database, identity, presence)


def _keeps_the_promises(ledger: SqlLedger) -> Ledger:  # pragma: no cover - never called
    """Let the type checker compare the ledger with its port."""
    return ledger
