"""What became of a COMMIT whose reply was lost: PostgreSQL knows it by the transaction's number.

A number is not a name: a server that crashed gives the numbers of what it lost to others. "Committed" is therefore
believed only when the server has not crashed since, which is seen by its statistics: it throws them away when it
recovers (PostgreSQL 15 and later; of an older one it is never believed). "Aborted" is always true: what was committed
keeps its number for itself.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
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
_PRESENT = "clock_timestamp()"
_NUMBER = "CAST(pg_current_xact_id() AS text)"
_STATUS = "pg_xact_status(CAST(:number AS xid8))"
_EPOCH = "CAST(pg_stat_get_bgwriter_stat_reset_time() AS text)"
"""When statistics began: another instant after every crash, the same one after a restart in order."""
_EPOCH_SINCE = (15,)
_NOT_KNOWN_ANY_MORE = frozenset({"22023", "42883"})
"""A number from the future: the server was set back, as by a failover that lost the last commits. No such function."""


class Fate(Enum):
    """What became of a transaction."""

    COMMITTED = auto()
    ABORTED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """By what a transaction is known again. `epoch`: of the server's life between two crashes, where it can tell."""

    number: str
    epoch: str | None


async def open_on_postgres(connection: AsyncConnection, limits: Limits, clock: Clock, *, is_write: bool) -> Mark | None:
    """Begin a transaction that the server ends by itself when we fall silent; return the mark of one that writes.

    The server says what time it is: what replicas write and compare are instants of one clock.
    """
    if not is_write:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    await connection.begin()
    durations = {"lock": limits.patience, "statement": limits.statement, "idle": limits.patience}
    questions = [_PRESENT, _LIMITS]
    version = connection.dialect.server_version_info or ()
    if version >= _WHOLE_LIMIT_SINCE:
        questions.append(_WHOLE_LIMIT)
        durations["whole"] = limits.deadline
    if is_write:
        questions += [_NUMBER, _epoch_of(version)]
    values = {name: f"{duration // timedelta(milliseconds=1)}ms" for name, duration in durations.items()}
    asked_at = clock.monotonic()
    begun = (await connection.execute(text(f"SELECT {', '.join(questions)}"), values)).one()
    clock.agree_with(begun[0].astimezone(UTC), within=timedelta(seconds=clock.monotonic() - asked_at))
    return Mark(number=begun[-2], epoch=begun[-1]) if is_write else None


def _epoch_of(version: tuple[int | str, ...]) -> str:
    return _EPOCH if version >= _EPOCH_SINCE else "CAST(NULL AS text)"


async def fate_of(mark: Mark, engine: AsyncEngine, clock: Clock, limits: Limits) -> Fate:
    """Ask until the server says what became of a transaction, for as long as one may take."""
    give_up_at = clock.monotonic() + limits.deadline.total_seconds()
    pause = timedelta(milliseconds=20)
    while (fate := await _ask(mark, engine, limits)) is None:
        if clock.monotonic() >= give_up_at:
            return Fate.UNKNOWN
        await clock.sleep(pause)
        pause = min(pause * 2, timedelta(seconds=1))
    return fate


async def _ask(mark: Mark, engine: AsyncEngine, limits: Limits) -> Fate | None:
    """Return the fate, `None` when the transaction is still under way or the server cannot be asked."""
    found: list[tuple[str | None, str | None]] = []

    async def read() -> None:
        async with engine.connect() as connection:
            now = _epoch_of(connection.dialect.server_version_info or ())
            statement = text(f"SELECT {_STATUS}, {now}")
            status, epoch = (await connection.execute(statement, {"number": mark.number})).one()
            found.append((status, epoch))

    try:
        await in_time(read(), limits)
    except DBAPIError as error:
        return Fate.UNKNOWN if sqlstate_of(error) in _NOT_KNOWN_ANY_MORE else None
    except (OSError, PoolExhaustedError):
        return None
    status, epoch = found[0]
    is_the_same_life = epoch is not None and epoch == mark.epoch
    match status:
        case "committed":
            return Fate.COMMITTED if is_the_same_life else Fate.UNKNOWN
        case "in progress":
            return None if is_the_same_life or epoch is None else Fate.ABORTED  # it is another's by now
        case "aborted":
            return Fate.ABORTED
        case _:
            return Fate.UNKNOWN
