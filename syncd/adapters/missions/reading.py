"""Puts a question to the mission store's database: read-only, bounded, and with errors that say what to do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.adapters.missions.dialects import dialect_of
from syncd.adapters.missions.failures import is_about_structure, translate
from syncd.adapters.missions.relation import Query, Relation, describe_relation
from syncd.adapters.missions.sqlite import accept_any_bytes, fetch_or_interrupt, refuse_unreadable, sqlite_file
from syncd.database import close_engine, make_engine
from syncd.errors import Transient

Row = Sequence[object]
Answer = tuple[Relation, Sequence[Row]]
"""The relation that was asked, and its rows."""
Ask = Callable[[Relation], Query]
_FAREWELL_S = 0.5


class MissionDatabase:
    """Answers questions about the relation.

    Its structure is asked for once, again while a column is missing, and again when a question no longer fits it: what
    the store's owner changes or mends is noticed without a restart.
    """

    def __init__(
        self, url: str, *, relation: str, columns: Mapping[str, str], query_timeout: timedelta, deadline: timedelta
    ) -> None:
        self._engine = make_engine(url, key="missions.url", patience=query_timeout, is_read_only=True, connections=2)
        self._dialect = dialect_of(self._engine.dialect.name)
        self._file = sqlite_file(url)
        self._name = relation
        self._names = columns
        self._query_timeout = query_timeout
        self._deadline = deadline
        self._known: Relation | None = None
        self._parting: set[asyncio.Task[Answer]] = set()

    async def fetch(self, ask: Ask) -> Answer:
        """Return the answer to a question, and the relation that was asked.

        Raises:
            Transient: unreachable, locked or too slow; `CredentialsRefused` when the login is refused.
            Misconfigured: the relation or a necessary column is missing, or may not be read.
        """
        try:
            return await self._within_deadline(self._fetch_with_what_is_there(ask))
        except TimeoutError:
            raise Transient("the mission store took too long", hint=_SLOW, is_general=True) from None
        except SQLAlchemyError as error:
            raise translate(error) from None

    def forget_structure(self) -> None:
        """Make the next question ask for the structure first."""
        self._known = None

    async def aclose(self) -> None:
        """Close every connection."""
        await close_engine(self._engine)

    async def _within_deadline(self, reading: Coroutine[None, None, Answer]) -> Answer:
        """Return the answer, or be gone at the deadline, whatever the driver does.

        A driver may need ten more seconds to part from a peer that is silent; it does so behind our back.
        """
        task = asyncio.create_task(reading)
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                return await asyncio.shield(task)
        except (TimeoutError, asyncio.CancelledError):
            task.cancel()
            self._parting.add(task)
            task.add_done_callback(self._parting.discard)
            await asyncio.wait({task}, timeout=_FAREWELL_S)
            raise

    async def _fetch_with_what_is_there(self, ask: Ask) -> Answer:
        try:
            return await self._fetch_once(ask)
        except SQLAlchemyError as error:
            if not is_about_structure(error):
                raise
        self.forget_structure()
        return await self._fetch_once(ask)

    async def _fetch_once(self, ask: Ask) -> Answer:
        async with self._transaction() as connection:
            relation = self._known
            if relation is None or not relation.is_whole:
                relation = await connection.run_sync(describe_relation, self._name, self._names, self._dialect)
                self._known = relation
            if self._file is not None:
                return relation, await fetch_or_interrupt(connection, ask(relation), self._query_timeout)
            return relation, (await connection.execute(ask(relation))).all()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that can only read; it is over when this ends."""
        if self._file is not None:
            refuse_unreadable(self._file)
        async with self._engine.connect() as connection:
            for statement in self._dialect.opening(self._query_timeout):
                await connection.exec_driver_sql(statement)
            if self._file is not None:
                await accept_any_bytes(connection)
            yield connection


_SLOW = "it is locked or slow; an index on (updated_at, mission_id) helps"
