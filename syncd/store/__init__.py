"""The ledger on SQLite and PostgreSQL."""

from syncd.store.ledger import SqlLedger, open_ledger
from syncd.store.lock import DaemonLock

__all__ = ["DaemonLock", "SqlLedger", "open_ledger"]
