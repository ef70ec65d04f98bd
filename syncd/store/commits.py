"""What became of a COMMIT whose reply was lost: PostgreSQL (13 and later) knows it by the transaction's number."""

from datetime import timedelta
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhaustedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from syncd.database import sqlstate_of
from syncd.ports.clock import Clock
from syncd.store.patience import Limits, in_time

_LIMITS = (
    "set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true), "
    "set_config('idle_in_transaction_session_timeout', :idle, true)"
)
"""For this transaction alone: nothing is kept on a session, a pooler in transaction mode would pass it on to others."""
_WHOLE_LIMIT = "set_config('transaction_timeout', :whole, true)"
_WHOLE_LIMIT_SINCE = (17,)
"""A client that is stopped between two statements of a batch is neither idle nor at work for the other limits."""
_NUMBER = "CAST(pg_current_xact_id() AS text)"
_STATUS = text("SELECT pg_xact_status(CAST(:number AS xid8))")
_NOT_KNOWN_ANY_MORE = frozenset({"22023", "42883"})
"""A number from the future: the server was set back, as by a failover that lost the last commits. No such function."""


class Fate(Enum):
    """What became of a transaction."""

    COMMITTED = auto()
    ABORTED = auto()
    UNKNOWN = auto()


_FATES = {"committed": Fate.COMMITTED, "aborted": Fate.ABORTED}


async def open_on_postgres(connection: AsyncConnection, limits: Limits, *, is_write: bool) -> str | None:
    """Begin a transaction that the server ends by itself when we fall silent; return the number of one that writes."""
    if not is_write:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    await connection.begin()
    durations = {"lock": limits.patience, "statement": limits.statement, "idle": limits.patience}
    questions = [_LIMITS]
    if (connection.dialect.server_version_info or ()) >= _WHOLE_LIMIT_SINCE:
        questions.append(_WHOLE_LIMIT)
        durations["whole"] = limits.deadline
    if is_write:
        questions.append(_NUMBER)
    values = {name: f"{duration // timedelta(milliseconds=1)}ms" for name, duration in durations.items()}
    begun = (await connection.execute(text(f"SELECT {', '.join(questions)}"), values)).one()
    return str(begun[-1]) if is_write else None


async def fate_of(number: str, engine: AsyncEngine, clock: Clock, limits: Limits) -> Fate:
    """Ask until the server says what became of a transaction, for as long as one may take."""
    give_up_at = clock.monotonic() + limits.deadline.total_seconds()
    pause = timedelta(milliseconds=20)
    while (fate := await _ask(number, engine, limits)) is None:
        if clock.monotonic() >= give_up_at:
            return Fate.UNKNOWN
        await clock.sleep(pause)
        pause = min(pause * 2, timedelta(seconds=1))
    return fate


async def _ask(number: str, engine: AsyncEngine, limits: Limits) -> Fate | None:
    """Return the fate, `None` when the transaction is still under way or the server cannot be asked."""
    found: list[str | None] = []

    async def read() -> None:
        async with engine.connect() as connection:
            found.append((await connection.execute(_STATUS, {"number": number})).scalar_one())

    try:
        await in_time(read(), limits)
    except DBAPIError as error:
        return Fate.UNKNOWN if sqlstate_of(error) in _NOT_KNOWN_ANY_MORE else None
    except (OSError, PoolExhaustedError):
        return None
    status = found[0]
    return Fate.UNKNOWN if status is None else _FATES.get(status)
