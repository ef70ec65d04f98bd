"""The ledger on SQLite and PostgreSQL."""

from syncd.store.ledger import SqlLedger, open_ledger
from syncd.store.lock import DaemonLock
from syncd.store.presence import SessionPresence

__all__ = ["DaemonLock", "SessionPresence", "SqlLedger", "open_ledger"]
