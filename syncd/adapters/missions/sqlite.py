"""What SQLite's driver must be told, and what it cannot do by itself: give up.

A file in WAL mode is only readable with its `-wal` and `-shm` files, which SQLite makes beside it when no writer has
them open: run syncd in the group of the application that writes, so that either can use what the other made.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import cast

import aiosqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.adapters.missions.relation import Query
from syncd.database import async_url
from syncd.errors import Transient

_AGAIN_AFTER_S = 0.05
_HINT = "check the path in missions.url and who may read it"


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, `None` for another kind of database."""
    target = async_url(url, key="missions.url")
    return Path(target.database or "") if target.get_backend_name() == "sqlite" else None


def refuse_unreadable(file: Path) -> None:
    """Return when the file is there and may be read.

    SQLite would say so too; but after a failed connection the driver's thread outlives the wait for it, and breaks the
    end of the event loop.

    Raises:
        Transient: a disk may be mounted later, or the file be replaced at this moment.
    """
    if not (file.is_file() and os.access(file, os.R_OK)):
        raise Transient("the mission store's file is not there, or may not be read", hint=_HINT, is_general=True)


async def accept_any_bytes(connection: AsyncConnection) -> None:
    """Make a text that is no UTF-8 come out as lone surrogates, instead of failing its whole page."""
    (await _driver_of(connection)).text_factory = _decode


async def fetch_or_interrupt(
    connection: AsyncConnection, query: Query, patience: timedelta
) -> Sequence[Sequence[object]]:
    """Return all rows; a query that takes longer, or that nobody waits for any more, is interrupted.

    A cancelled wait alone would leave the query running in its thread, and closing the connection waits for the thread.

    Raises:
        TimeoutError: it took longer than `patience`.
    """
    reading = asyncio.ensure_future(_fetch(connection, query))
    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await asyncio.shield(reading)
    except (TimeoutError, asyncio.CancelledError):
        driver = await _driver_of(connection)
        while not reading.done():  # an interrupt before the query has begun is lost
            await driver.interrupt()
            await asyncio.wait({reading}, timeout=_AGAIN_AFTER_S)
        with suppress(SQLAlchemyError, asyncio.CancelledError):
            reading.result()
        raise


async def _fetch(connection: AsyncConnection, query: Query) -> Sequence[Sequence[object]]:
    return (await connection.execute(query)).all()


async def _driver_of(connection: AsyncConnection) -> aiosqlite.Connection:
    return cast("aiosqlite.Connection", (await connection.get_raw_connection()).driver_connection)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
