"""What an error of the ledger's database means for the transaction, and what may be said of it."""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhaustedError

from syncd.database import describe, sqlstate_of
from syncd.errors import Misconfigured, SyncdError, Transient


class Fault(Enum):
    """What to do about an error."""

    AGAIN = auto()
    """Nothing was applied; begin the transaction anew."""
    LATER = auto()
    """Nothing was applied; the database cannot do it now."""
    NEVER = auto()
    """The installation is wrong; a person must act."""


_SQLITE = {
    3: Fault.NEVER,  # PERM
    5: Fault.AGAIN,  # BUSY
    6: Fault.AGAIN,  # LOCKED
    8: Fault.NEVER,  # READONLY, the file moved away included
    11: Fault.NEVER,  # CORRUPT
    14: Fault.NEVER,  # CANTOPEN
    23: Fault.NEVER,  # AUTH
    26: Fault.NEVER,  # NOTADB
}
_SQLITE_UNIQUE = frozenset({1555, 2067})
_POSTGRES = {
    "40001": Fault.AGAIN,  # serialization failure
    "40P01": Fault.AGAIN,  # deadlock
    "55P03": Fault.AGAIN,  # lock timeout
    "23505": Fault.AGAIN,  # unique violation: a rival was faster
    "28000": Fault.NEVER,  # no such role
    "28P01": Fault.NEVER,  # wrong password
    "3D000": Fault.NEVER,  # no such database
    "42501": Fault.NEVER,  # not allowed
    "42P01": Fault.NEVER,  # no such table
    "42703": Fault.NEVER,  # no such column
}


def fault_of(error: BaseException) -> Fault:
    """Say what to do about an error."""
    if not isinstance(error, DBAPIError):
        return Fault.LATER
    if error.connection_invalidated:
        return Fault.AGAIN
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _sqlite_fault(code, error)
    return _POSTGRES.get(sqlstate_of(error) or "", Fault.LATER)


def explain(error: BaseException) -> SyncdError:
    """Return the error of the house for one of the database, with nothing of any row in it."""
    if isinstance(error, TimeoutError | PoolExhaustedError):
        return Transient("the ledger's database does not answer", is_general=True)
    if fault_of(error) is not Fault.NEVER:
        return Transient(f"the ledger's database failed ({describe(error)})", is_general=True)
    return Misconfigured(
        f"the ledger's database cannot be used ({describe(error)})",
        key="database.url",
        hint="prepare it with syncd migrate, or check the file, its rights and the account",
    )


def _sqlite_fault(code: int, error: DBAPIError) -> Fault:
    if code in _SQLITE_UNIQUE:
        return Fault.AGAIN
    if code == 1 and str(error.orig).startswith(("no such table", "no such column")):
        return Fault.NEVER
    return _SQLITE.get(code & 0xFF, Fault.LATER)
