"""How long the ledger waits for its database, and what it does with a transaction whose time is over."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The longest waits.

    `patience`: for a lock, and for a peer that acknowledges nothing; then the transaction is begun anew. `deadline`:
    for a transaction in all, so that a connection whose other end fell silent ends there. `farewell`: for a driver that
    was told to leave; then its connection is dropped.
    """

    patience: timedelta = timedelta(seconds=5)
    deadline: timedelta = timedelta(seconds=30)
    farewell: timedelta = timedelta(seconds=0.5)

    @property
    def statement(self) -> timedelta:
        """The longest statement: the server gives up before we do, and says why."""
        return self.deadline - self.patience


async def in_time(transaction: Coroutine[None, None, None], limits: Limits) -> None:
    """Run a transaction for as long as the deadline allows, and leave it when nobody waits for it any more.

    Told to leave, PostgreSQL's driver first asks the server to cancel, which can take ten seconds when the server is
    silent. Told again, it drops the connection.

    Raises:
        TimeoutError: the deadline is over.
    """
    running = asyncio.create_task(transaction)
    try:
        await asyncio.wait({running}, timeout=limits.deadline.total_seconds())
        if not running.done():
            raise TimeoutError
    finally:
        while not running.done():
            running.cancel()
            with suppress(asyncio.CancelledError):  # we were told already
                await asyncio.wait({running}, timeout=limits.farewell.total_seconds())
        _hear(running)
    running.result()


async def to_its_end(transaction: Coroutine[None, None, None]) -> None:
    """Let a transaction that was begun end by itself, even when nobody waits for it any more.

    SQLite's driver runs in a thread of its own: cancelled in the middle, it can keep the file locked for ever.
    """
    running = asyncio.create_task(transaction)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):  # asked to stop once more: the file must not stay locked
                await asyncio.wait({running})
        _hear(running)
        raise


def _hear(running: asyncio.Task[None]) -> None:
    """Take note of an error that nobody is left to hear of."""
    if not running.cancelled():
        running.exception()
